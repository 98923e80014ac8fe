# --threads: the same result, told when it cannot be had, heeding signals.
. "${0%/*}/cli.sh"
crowd=(--set peers.home.count=150 --set peers.server.count=60)

digest_in() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["digest"])' "$1"; }

# The same digest; what was recorded with several is replayed with one, and differs in nothing.
status 0 "$peerlab" run small.yaml "${crowd[@]}" --json -o one.db
json out 'd["threads"] == 1'
one=$(digest_in out)
for threads in 2 3; do
    status 0 "$peerlab" run small.yaml "${crowd[@]}" --json -o several.db --threads $threads
    json out "d['threads'] == $threads and d['digest'] == '$one' and d['trace']['rows'] > 1000"
    json out 'd["expectations"][0]["pass"] is True'
    [ -s err ] && fail "something on stderr: $(cat err)"
    status 0 "$peerlab" replay several.db
    says out "the same"
    status 0 "$peerlab" diff one.db several.db
done
status 1 "$peerlab" run small.yaml "${crowd[@]}" --threads 2 --set 'expect=[lookups.success_ratio > 2]'
says out "FAIL  lookups.success_ratio > 2"
status 0 "$peerlab" run small.yaml "${crowd[@]}" --threads 2
says_not err "note"

# Where fewer loops run it is said why, but not with --quiet; the result is right.
fewer() { # THREADS WHY OPTION...
    local threads=$1 why=$2
    shift 2
    status 0 "$peerlab" run small.yaml "${crowd[@]}" --set duration=2min --set faults=[] --threads 4 --json "$@"
    json out "d['threads'] == $threads"
    says err "note: $threads loop"
    says err "$why"
    status 0 "$peerlab" run small.yaml "${crowd[@]}" --set duration=2min --set faults=[] --threads 4 --json --quiet "$@"
    says_not err "loop"
}
fewer 1 "as little as 9000 ns" --set 'network.latency={uniform: [9 us, 90 ms]}'
fewer 1 "as little as 9000 ns" --set 'network.latency={constant: 90 us}' \
    --set 'faults=[{at: 1 min, for: 1 s, latency: {times: 0.1}}]'
fewer 1 "transport socketpair" --transport socketpair
fewer 1 "a virtual clock" --clock scaled:6000 --set 'expect=[]'
fewer 2 "128 peers are no more than 2 blocks of 64" --set peers.home.count=100 --set peers.server.count=28
fewer 1 "50 peers are no more than 1 block" --set peers.home.count=40 --set peers.server.count=10

# Refused: what is no number of threads.
for threads in 0 257 -1 1e3 2x "" 99999999999999999999; do
    status 2 "$peerlab" run small.yaml --threads "$threads"
    says err "--threads"
done
status 0 "$peerlab" help run
says out "--threads"

# A signal ends it in good order within moments, also between windows in which much happens; the trace is whole.
# However busy the machine is: it is under way when it has threads and has computed for a second; moments are of computing.
used() { awk '{ print 10 * ($14 + $15) }' "/proc/$pid/stat"; } # milliseconds, by the run
used_by_ended() { # milliseconds, by all that were waited for
    times > ended
    ended_ms=$(tail -1 ended | awk -F '[ms ]+' '{ printf "%d", 1000 * (60 * ($1 + $3) + $2 + $4) }')
}
await_threads() {
    for _ in $(seq 2400); do # two minutes at the least
        kill -0 "$pid" 2> /dev/null || break
        [ "$(ls "/proc/$pid/task" | wc -l)" -ge 2 ] && [ "$(used)" -ge 1000 ] && return
        sleep 0.05
    done
    fail "ends by itself or does nothing"
    cat err
    kill -KILL "$pid" 2> /dev/null
    finish
}
interrupt() { # OPTION...
    local before at_signal took
    "$peerlab" run long.yaml --json --threads 2 "$@" > out 2> err < /dev/null &
    pid=$!
    await_threads
    used_by_ended
    before=$ended_ms
    at_signal=$(used)
    kill -INT "$pid"
    wait "$pid"
    [ $? = 130 ] || fail "an interrupted run ended with another status than 130"
    used_by_ended
    took=$((ended_ms - before - at_signal))
    [ "$took" -lt 4000 ] || fail "it went on for $took ms of two threads"
    json out 'd["status"] == "interrupted" and d["threads"] == 2 and 0 < d["virtual_s"] < 365 * 86400'
    json out 'd["messages"]["sent"] == d["messages"]["delivered"] + d["messages"]["dropped"] + d["messages"]["in_flight"]'
}
interrupt
interrupt --set peers.all.count=20000 --set 'network.latency={constant: 40 s}' --set overlay.rounds=synchronous
interrupt -o trace.db --set trace.index=false
[ "$("$peerlab" query trace.db "SELECT value FROM run WHERE key = 'status'" --format csv | tr -d '\r' | tail -1)" = interrupted ] ||
    fail "the trace does not say that it was interrupted"
json out 'd["trace"]["rows"] >= d["messages"]["sent"]'

# Progress on a terminal.
if command -v script > /dev/null; then
    TERM=xterm timeout -s INT 120 script -qfec "'$peerlab' run long.yaml --threads 2" /dev/null < /dev/null > out 2>&1 &
    pid=$!
    while kill -0 "$pid" 2> /dev/null && ! grep -qF "/s events" out; do
        sleep 0.1
    done
    kill -INT "$pid"
    wait "$pid"
    says out "/s events"
fi
finish
