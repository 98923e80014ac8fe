#!/bin/bash
# No path that reaches an event may call libm: its last bits differ between processors (DESIGN.md, section 3). The
# objects of reactor/base are compiled here without optimisation, which would inline what it can; their imports are read.
set -eu
cd "$(dirname "$0")/../../.."
command -v nm > /dev/null || { echo "skipped: no nm (package binutils)"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for source in reactor/base/*.c; do
    ${CC:-cc} -std=gnu11 -O0 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -I. -c "$source" -o "$folder/object.o"
    nm -u "$folder/object.o" | awk '{print $2}' >> "$folder/imports"
done
libm='sqrt|cbrt|exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|tgamma|lgamma|erf|erfc|floor|ceil'
if grep -Ex "($libm|round|trunc|fma|rint|llround|lround|frexp|ldexp|scalbn|fmod)[fl]?" "$folder/imports"; then
    echo "reactor/base imports the libm functions above"
    exit 1
fi
echo "no libm function among $(sort -u "$folder/imports" | wc -l) imports"
