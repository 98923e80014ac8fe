#!/bin/bash
# What determinism promises over compilers, optimisation and processors: one digest. Called by `make test-determinism` with
# the build folder; builds peerlab anew under it for each way of compiling and runs eight scenarios, seven of them with churn,
# loss and faults, over both transports, on two threads, and with the trace whole, sampled and off. One line a build.
set -u
build=$(realpath "${1:?the build folder}")
source=$(realpath "${0%/*}/..")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
jobs=$(nproc)

# The network, the churn and the faults that they share.
scenario() { # NAME DURATION, the rest on stdin
    { cat <<YAML; cat; } > "$folder/$1.yaml"
name: $1
seed: 11
duration: $2
peers: [{name: home, count: 300}, {name: server, count: 60}]
churn: [{peers: home, session: {weibull: {shape: 0.6, scale: 3 min}}, downtime: {lognormal: {median: 1 min, sigma: 0.9}}}]
faults:
  - {at: 1 min, for: 40 s, partition: [[home], [server]]}
  - {at: 2 min, crash: {fraction: 30 %, of: all}, restart_after: 1 min}
  - {at: 3 min, for: 30 s, loss: {add: 5 %, of: home}}
  - {at: 220 s, for: 30 s, latency: {times: 3.5, between: [home, server]}}
YAML
}
scenario lognormal "5 min" <<'YAML'
network: {latency: {lognormal: {median: 60 ms, sigma: 0.5}}, jitter: {normal: 2 ms}, loss: 1 %}
overlay: {protocol: kademlia, k: 8}
workload: [{lookup: {every: {exponential: 10 s}}}]
YAML
scenario pareto "5 min" <<'YAML'
network: {latency: {pareto: {scale: 20 ms, shape: 2.5}}, jitter: {normal: 5 ms}, loss: 2 %}
overlay: {protocol: kademlia, k: 20, start: join}
workload: [{lookup: {every: 15 s}}]
YAML
scenario gossip "5 min" <<'YAML'
network: {latency: {normal: {mean: 80 ms, sd: 20 ms}}, jitter: {normal: 2 ms}, loss: 1 %}
overlay: {protocol: epidemic, mode: push-pull, rounds: own-timers, period: 1 s}
workload: [{publish: {every: 20 s, from: server}}]
YAML
scenario ring "5 min" <<'YAML'
network: {latency: {lognormal: {median: 40 ms, sigma: 0.5}}, jitter: {normal: 2 ms}, loss: 1 %}
overlay: {protocol: chord, bits: 64, virtual_nodes: 2, replicas: 3, keys: 500, start: join, stabilise: 5 s, fix_fingers: 5 s}
workload: [{lookup: {every: {exponential: 10 s}, keys: 500}}]
YAML
scenario flood "5 min" <<'YAML'
network: {latency: {uniform: [20 ms, 200 ms]}, jitter: {normal: 2 ms}, loss: 1 %}
overlay: {protocol: broadcast}
initial_graph: {barabasi_albert: {edges: 3}}
workload: [{publish: {every: {exponential: 60 s}, from: server}}]
YAML
scenario mean "5 min" <<'YAML'
network: {latency: {uniform: [20 ms, 200 ms], per: message}, jitter: {normal: 2 ms}, loss: 1 %}
overlay: {protocol: averaging, period: 2 s, measure: 10 s}
YAML
scenario events "5 min" <<'YAML'
network: {latency: {uniform: [20 ms, 200 ms], per: message}, jitter: {normal: 2 ms}, loss: 1 %}
overlay: {protocol: phold, pending: 4}
YAML
# One group and nothing that acts on links: the shortest way that a message can take.
cat > "$folder/rest.yaml" <<'YAML'
name: rest
seed: 11
duration: 3 min
peers: [{name: all, count: 1000}]
network: {latency: {constant: 100 ms}}
overlay: {protocol: chord, bits: 24, successors: 1, lookup: recursive, acknowledge: false, stabilise: 20 s, fix_fingers: 20 s}
churn: [{peers: all, session: {exponential: 10 min}, downtime: {exponential: 1 min}}]
workload: [{lookup: {every: 10 s}}]
YAML
scenarios="lognormal pareto gossip ring flood mean events rest"

compile() { # NAME COMPILER BUILD_TYPE FLAGS LTO
    local into=$build/determinism-$1
    cmake -S "$source" -B "$into" -DCMAKE_C_COMPILER="$2" -DCMAKE_BUILD_TYPE="$3" -DCMAKE_C_FLAGS="$4" \
        -DPEERLAB_LTO="$5" -DBUILD_TESTING=OFF > "$folder/log" 2>&1 &&
        cmake --build "$into" -j"$jobs" --target peerlab > "$folder/log" 2>&1 && return
    tail -5 "$folder/log"
    return 1
}

digest() { # PEERLAB SCENARIO ARGUMENT...
    local peerlab=$1 name=$2
    shift 2
    "$peerlab" run "$folder/$name.yaml" --json "$@" | grep -o '"digest":"[0-9a-f]*"' | cut -d'"' -f4
}

failures=0
declare -A wanted
compare() { # WHAT PEERLAB ARGUMENT...
    local what=$1 peerlab=$2 said="" result=same name got
    shift 2
    for name in $scenarios; do
        got=$(digest "$peerlab" "$name" "$@")
        : "${wanted[$name]:=$got}"
        [ -n "$got" ] && [ "$got" = "${wanted[$name]}" ] || { result=DIFFERS; failures=$((failures + 1)); }
        said="$said  ${got:-no digest}"
    done
    printf '%-34s %-8s%s\n' "$what" "$result" "$said"
}

first=
build_and_compare() { # NAME COMPILER BUILD_TYPE FLAGS LTO
    if ! command -v "$2" > /dev/null; then
        printf '%-34s %s\n' "$1" "skipped: there is no $2 (apt-get install $2)"
        return
    fi
    if ! compile "$@"; then
        printf '%-34s %s\n' "$1" "DOES NOT BUILD"
        failures=$((failures + 1))
        return
    fi
    compare "$1" "$build/determinism-$1/peerlab"
    : "${first:=$build/determinism-$1/peerlab}"
}

build_and_compare gcc-O2 gcc Release "" ON
build_and_compare gcc-O0 gcc Plain "-O0" OFF
build_and_compare gcc-O3-native gcc Plain "-O3 -march=native" OFF
build_and_compare clang-O2 clang Release "" OFF
build_and_compare clang-O0 clang Plain "-O0" OFF
build_and_compare clang-O3-native clang Plain "-O3 -march=native" OFF
if [ -n "$first" ]; then
    everything='trace.record=[lifecycle, messages, timers, lookups, broadcasts, neighbours, faults, log, samples]'
    compare "over socketpair" "$first" --transport socketpair
    compare "on 2 threads" "$first" --threads 2
    compare "everything traced" "$first" -o "$folder/trace.db" --set "$everything"
    compare "10 % traced" "$first" -o "$folder/trace.db" --set "$everything" --set 'trace.sample=10 %'
    compare "captured" "$first" --pcap "$folder/packets.pcap"
fi
[ "$failures" = 0 ] || { echo "$failures digests differ or are missing"; exit 1; }
