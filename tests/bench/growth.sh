#!/bin/bash
# Cost as work grows: runs the workloads' benches from a thousand to ten million peers, and makes of their JSON a table
# in Markdown (on stdout; where README.md has the lines <!-- growth --> and <!-- /growth -->, between them, too) and a
# plot, growth.svg beside this script.
#
# growth.sh PEERLAB FOLDER [PEERS]...; FOLDER is for the JSON. Ten million peers take 4 GB and some minutes.
set -euo pipefail
peerlab=$1 folder=$2
shift 2
here=$(dirname "$0")
mkdir -p "$folder"

# A Kademlia peer with its full tables takes 10 KiB, so a hundred thousand are its most.
most() {
    case $1 in
        kademlia-static) echo 100000 ;;
        *) echo 10000000 ;;
    esac
}

for workload in chord-converged averaging phold kademlia-static; do
    sizes=()
    for peers in "${@:-1000 10000 100000 1000000 10000000}"; do
        for each in $peers; do
            [ "$each" -gt "$(most $workload)" ] || sizes+=("$each")
        done
    done
    [ ${#sizes[@]} -gt 0 ] || continue
    echo "$workload: ${sizes[*]} peers" >&2
    status=0
    "$peerlab" bench "$workload" "${sizes[@]}" --json > "$folder/$workload.json" || status=$?
    [ $status -le 1 ] || exit $status # 1: something wanted was not reached, which the table shows
done
python3 -B "$here/growth.py" --svg "$here/growth.svg" --readme "$here/../../README.md" "$folder"/*.json
