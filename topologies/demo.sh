#!/bin/sh
# What `make demo` shows: a whole scenario, its summary, and what its trace answers.
set -eu
peerlab=$1
folder=$(dirname "$0")
trace=${TMPDIR:-/tmp}/peerlab-demo-$(id -u).db
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

say "$ peerlab run topologies/kademlia-churn.yaml -o $trace"
"$peerlab" run "$folder/kademlia-churn.yaml" -o "$trace"
say "How did lookups fare before, during and after each fault?   (peerlab query $trace fault-impact)"
"$peerlab" query "$trace" fault-impact
say "What became of messages that never arrived?   (peerlab query $trace drops)"
"$peerlab" query "$trace" drops
say "How did lookups fare over time?   (peerlab query $trace lookups-over-time bucket_s=600)"
"$peerlab" query "$trace" lookups-over-time bucket_s=600
say "More questions: peerlab query $trace        Any SQL: sqlite3 $trace"
