# What the tests of the command line share; sourced with the path of peerlab as $1. Works in a folder of its own, which
# is removed at the end.
peerlab=$(realpath "$1")
[ -x "$peerlab" ] || { echo "no peerlab at $1"; exit 1; }
command -v python3 > /dev/null || { echo "skipped: python3 is needed to read JSON"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
finish() { [ "$failures" = 0 ] || exit 1; }

# status WANTED COMMAND...: runs it with its output in out and err, and compares its exit status.
status() {
    local wanted=$1 got
    shift
    "$@" > out 2> err < /dev/null
    got=$?
    [ "$got" = "$wanted" ] && return
    fail "exit status $got, not $wanted: $(head -c 300 <<< "$*")"
    head -5 out err
}
# says FILE TEXT: a line of FILE contains TEXT.
says() { grep -qF -- "$2" "$1" || { fail "$1 does not say: $2"; head -20 "$1"; }; }
says_not() { ! grep -qF -- "$2" "$1" || { fail "$1 says: $2"; head -20 "$1"; }; }
is_json() { python3 -m json.tool < "$1" > /dev/null || { fail "$1 is not JSON"; head -5 "$1"; }; }
# json FILE EXPRESSION: a Python expression over d, the parsed file, must hold.
json() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$1" "$2" ||
         { fail "$1: not $2"; head -c 600 "$1"; echo; }; }

# A run of some milliseconds in which everything happens: lookups, churn, a fault.
cat > small.yaml <<'YAML'
name: small
duration: 10 min
warm_up: 1 min
peers:
  - {name: home, count: 40}
  - {name: server, count: 10}
network:
  latency: {uniform: [10 ms, 90 ms]}
  loss: 1 %
overlay: {protocol: kademlia, k: 4}
workload:
  - lookup: {every: 20 s}
churn:
  - {peers: home, session: {exponential: 5 min}, downtime: {exponential: 2 min}, leave: graceful}
faults:
  - {name: cut, at: 4 min, for: 1 min, partition: [[home], [server]]}
  - {name: strike, at: 6 min, crash: {fraction: 30 %, of: home}, restart_after: 1 min}
trace: {record: [lifecycle, messages, lookups, faults]}
expect:
  - lookups.issued > 0
YAML

# A run that nobody waits for: a virtual year.
cat > long.yaml <<'YAML'
name: long
duration: 365 d
peers: [{name: all, count: 300}]
network: {latency: {constant: 50 ms}}
overlay: {protocol: epidemic, rounds: own-timers, period: 1 s}
workload: [{publish: {every: 10 h}}]
trace: {record: [lifecycle, messages, broadcasts]}
YAML
