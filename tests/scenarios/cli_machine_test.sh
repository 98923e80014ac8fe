# When the machine is at fault: status 3 and a message that says what.
. "${0%/*}/cli.sh"

# Standard output that cannot be written.
if [ -w /dev/full ]; then
    for words in "run small.yaml" "run small.yaml --json" "check small.yaml" "list" "plan small.yaml" "--help"; do
        # shellcheck disable=SC2086
        "$peerlab" $words > /dev/full 2> err < /dev/null
        [ $? = 3 ] || fail "to a full device: $words"
        says err "the standard output cannot be written"
    done
fi
"$peerlab" list >&- 2> err
[ $? = 3 ] || fail "to a closed stream"
(sleep 0.2; "$peerlab" plan small.yaml 2> err; echo $? > code) | true
for _ in $(seq 50); do [ -s code ] && break; sleep 0.1; done
[ "$(cat code)" = 3 ] || fail "to a pipe that nobody reads: $(cat code)"
[ -s err ] && fail "a closed pipe is complained of: $(cat err)"

# Too few descriptors: hard limit of 64, 50 peers on socketpairs.
(ulimit -n 64; "$peerlab" run small.yaml --transport socketpair > out 2> err < /dev/null; exit $?)
[ $? = 3 ] || { fail "ulimit -n 64"; cat err; }
says err "error:"
grep -qiE 'descriptor|open files' err || { fail "ulimit -n 64 does not speak of descriptors"; cat err; }
# The soft limit is raised to the hard one.
(ulimit -S -n 64; exec "$peerlab" run small.yaml --transport socketpair --quiet > out 2> err < /dev/null)
[ $? = 0 ] || { fail "the soft limit was not raised"; cat err; }

# select watches descriptors below 1,024: 600 pairs are beyond that, and are refused by name. The others take them.
if [ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -gt 2000 ]; then
    many="--transport socketpair --clock real --set peers.0.count=600 --set duration=1s --set warm_up=0s --set expect=[]"
    status 3 "$peerlab" run small.yaml $many --demultiplexer select
    says err "(2 a peer): Too many open files"
    says err "select watches only descriptors below 1,024"
    for demultiplexer in poll epoll auto; do
        status 0 "$peerlab" run small.yaml $many --demultiplexer "$demultiplexer"
    done
    grep -qE 'auto: (io_uring|epoll) is the best' err || { fail "auto does not say what it is"; cat err; }
fi

# A file that is no trace is not replaced; a trace is; a folder that is not there is the input's fault.
echo precious > file.txt
status 2 "$peerlab" run small.yaml -o file.txt
says err "file.txt"
[ "$(cat file.txt)" = precious ] || fail "file.txt was overwritten"
status 0 "$peerlab" run small.yaml --quiet -o trace.db
status 0 "$peerlab" run small.yaml --quiet -o trace.db
status 2 "$peerlab" run small.yaml -o nowhere/trace.db
says err "nowhere/trace.db"
status 2 "$peerlab" query file.txt
says err "file.txt"
status 2 "$peerlab" query nowhere.db

# A file that may not grow: told like a full disk, and the run ends in good order.
for file in "-o limited.db" "--pcap limited.pcap"; do
    # shellcheck disable=SC2086
    (ulimit -f 2000; exec timeout 60 "$peerlab" run long.yaml $file > out 2> err < /dev/null)
    got=$?
    [ $got = 3 ] || { fail "ulimit -f, $file: $got"; cat err; }
    says err "File too large"
    says out "interrupted"
done

# A full disk ends the run in good order.
if [ "$(id -u)" = 0 ] && mkdir disk && mount -t tmpfs -o size=2m tmpfs disk 2> /dev/null; then
    trap 'umount "$folder/disk"; rm -rf "$folder"' EXIT
    timeout 60 "$peerlab" run long.yaml -o disk/trace.db > out 2> err < /dev/null
    [ $? = 3 ] || { fail "a full disk"; cat err; }
    says err "No space left on device"
    says out "interrupted"
else
    echo "not tested, mounting a tmpfs needs root: a full disk"
fi
finish
