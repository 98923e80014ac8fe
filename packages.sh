#!/bin/sh
# Installs the Debian packages that peerlab is built from, where they are missing: packages.sh PACKAGE...
# Silent when all are there. As root or with sudo; else it says what to run.
set -u
missing=
for package in "$@"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "peerlab needs the Debian packages:$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "install them as root, then try again:  apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
if ! $as_root apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1; then
    $as_root apt-get update -q >/dev/null
    if ! $as_root apt-get install -y -q --no-install-recommends $missing; then
        echo "could not install:$missing  (apt-get's own words are above; a Debian 12 mirror has all of them)" >&2
        exit 1
    fi
fi
