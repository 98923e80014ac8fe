#!/bin/bash
# Event-driven and thread-based: runs `peerlab bench architectures` a few times, and makes of their JSON's medians a
# table in Markdown (on stdout and in reactor/README.md) and a plot, architectures.svg beside this script.
#
# architectures.sh PEERLAB FOLDER [RUNS]; FOLDER is for the JSON. A run takes half a minute; three by default.
set -euo pipefail
peerlab=$1 folder=$2 runs=${3:-3}
here=$(dirname "$0")
mkdir -p "$folder"
made=()
for run in $(seq "$runs"); do
    made+=("$folder/architectures-$run.json")
    "$peerlab" bench architectures --json > "${made[-1]}"
done
python3 -B "$here/architectures.py" --svg "$here/architectures.svg" --readme "$here/../../reactor/README.md" "${made[@]}"
