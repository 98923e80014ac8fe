# A run that is ended early: in good order by a signal, at once by a second one, by the kernel.
. "${0%/*}/cli.sh"

# However busy the machine is: what is waited for is that it has come, not a time by which it should have.
await_rows() { # COUNT: until the run that was started has written more
    for _ in $(seq 2400); do # two minutes at the least
        kill -0 "$pid" 2> /dev/null || break
        [ "$("$peerlab" query trace.db "SELECT count(*) > $1 AS n FROM message" --format csv 2> /dev/null |
            tr -d '\r' | tail -1)" = 1 ] && return
        sleep 0.05
    done
    fail "ends by itself or writes nothing"
    cat err
    kill -KILL "$pid" 2> /dev/null
    finish
}
start() { # starts a long run that keeps trace.db, and waits until rows are in it
    rm -f trace.db*
    "$peerlab" run long.yaml -o trace.db "$@" > out 2> err < /dev/null &
    pid=$!
    await_rows 0
}
ended_with() { # WANTED: the exit status of the run
    wait "$pid"
    local got=$?
    [ "$got" = "$1" ] || { fail "ended with $got, not $1"; cat err; }
}
rows() { "$peerlab" query trace.db 'SELECT count(*) AS n FROM message' --format csv | tr -d '\r' | tail -1; }
run_status() {
    "$peerlab" query trace.db "SELECT value FROM run WHERE key = 'status'" --format csv | tr -d '\r' | tail -1
}

start --json
status 3 "$peerlab" run small.yaml -o trace.db # while it is being written
says err "trace.db is being written by another run"
kill -INT "$pid"
ended_with 130
is_json out
json out 'd["status"] == "interrupted" and 0 < d["virtual_s"] < 365 * 86400 and d["trace"]["rows"] > 0'
json out 'd["trace"]["rows"] >= d["messages"]["sent"]'
[ "$(run_status)" = interrupted ] || fail "the trace says it is $(run_status)"
[ -e trace.db-wal ] && fail "a -wal file is left beside the trace"
status 2 "$peerlab" replay trace.db
says err "interrupted"

start
kill -TERM "$pid"
ended_with 143
says out "interrupted"

# The terminal is closed: the same, but for who asked to go on.
start
kill -HUP "$pid"
ended_with 129
says out "interrupted"
[ "$(run_status)" = interrupted ] || fail "after SIGHUP the trace says it is $(run_status)"
trap '' HUP # as nohup does
start
trap - HUP
kill -HUP "$pid"
sleep 0.3
kill -TERM "$pid"
ended_with 143

# While the trace is being indexed a signal, here the second, leaves out the indexes and no row. It may come when all is
# over: then once more.
is_indexed() {
    [ "$("$peerlab" query trace.db "SELECT count(*) AS n FROM sqlite_schema WHERE name = 'session_by_peer'" --format csv |
        tr -d '\r' | tail -1)" = 1 ]
}
for quiet in "" --quiet; do
    for _ in $(seq 10); do
        start $quiet
        await_rows 100000
        kill -INT "$pid"
        while [ -e trace.db-wal ] && kill -0 "$pid" 2> /dev/null; do
            sleep 0.02
        done
        kill -INT "$pid" 2> /dev/null # all is written: the indexes are next
        ended_with 130
        is_indexed || break
    done
    is_indexed && fail "it was indexed to the end, ten times"
    [ "$(run_status)" = interrupted ] || fail "the trace says it is $(run_status)"
    [ "$(rows)" -gt 100000 ] || fail "only $(rows) rows"
    [ -e trace.db-journal ] && fail "a journal is left beside the trace"
done

# At once: two signals so close that the first can have ended nothing.
start
kill -STOP "$pid"
kill -INT "$pid"
kill -TERM "$pid"
kill -CONT "$pid"
wait "$pid"
case $? in
130 | 143) ;;
*) fail "two signals: $?" ;;
esac

start
await_rows 10000
kill -KILL "$pid"
wait "$pid" 2> /dev/null
[ "$(rows)" -gt 0 ] || fail "nothing is left after kill -9"
[ "$(run_status)" = running ] || fail "a killed run's trace says it is $(run_status)"
status 2 "$peerlab" replay trace.db
says err "running"
status 0 "$peerlab" run small.yaml --quiet -o trace.db # what is left is a trace, and so may be replaced
[ "$(run_status)" = complete ] || fail "the trace was not replaced"
finish
