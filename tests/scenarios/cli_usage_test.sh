# The command line itself: help, versions, mistakes.
. "${0%/*}/cli.sh"

status 2 "$peerlab"
says err "usage: peerlab COMMAND"
status 0 "$peerlab" --help
says out "usage: peerlab COMMAND"
status 0 "$peerlab" --version
grep -qE '^peerlab [0-9]+\.[0-9]+\.[0-9]+$' out || fail "--version prints $(cat out)"
status 2 "$peerlab" rnu
says err "unknown command rnu; did you mean run?"
status 2 "$peerlab" xyzzyx
says err "see peerlab --help"
status 2 "$peerlab" $'a\033[31m'
says err 'a\x1b[31m'

narrow() { awk 'length > 80 { print; wide = 1 } END { exit wide }' "$1"; }
status 0 "$peerlab" --help
narrow out || fail "the overview is too wide"

# Every command of the overview has a help of its own, with examples, in 80 columns; `help NAME` is the same.
commands=$("$peerlab" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p')
for command in run check query replay diff plan list bench; do
    grep -qx "$command" <<< "$commands" || fail "the overview does not name $command"
done
for command in $commands; do
    status 0 "$peerlab" "$command" --help
    says out "usage: peerlab $command"
    says out "examples:"
    says out "--help"
    narrow out || fail "the help of $command is too wide"
    cp out help
    status 0 "$peerlab" help "$command"
    cmp -s out help || fail "help $command differs from $command --help"
    # Every option in the help is known: asked for together with --help, or refused for its missing value.
    for option in $(grep -oE '^ +(-[a-z],)? +--[a-z-]+' help | grep -oE -- '--[a-z-]+'); do
        "$peerlab" "$command" --help "$option" > out 2> err < /dev/null
        says_not err "unknown option"
    done
    status 2 "$peerlab" "$command" --no-such-option
    says err "unknown option --no-such-option"
done
for query in $("$peerlab" list queries | sed -n 's/^ *\([a-z][a-z-]*\)  .*/\1/p'); do
    status 0 "$peerlab" query trace.db "$query" --help
    says out "columns:"
    narrow out || fail "the help of the query $query is too wide"
done
says out "parameters, as KEY=VALUE:"
status 2 "$peerlab" help rnu
says_not err "--threads N"

status 2 "$peerlab" run small.yaml --sed 7
says err "did you mean --se"
status 2 "$peerlab" run small.yaml -x
says err "unknown option -x"
status 2 "$peerlab" run small.yaml --jsonn
says err "did you mean --json?"
status 2 "$peerlab" run small.yaml --json=yes
says err "--json takes no value"
status 2 "$peerlab" run small.yaml -o
says err "-o needs a value: TRACE.db"
status 2 "$peerlab" run
says err "what is missing: peerlab run SCENARIO"
status 2 "$peerlab" run small.yaml other.yaml
says err "one word too many: other.yaml"
status 2 "$peerlab" run small.yaml --threads 257
says err "at most 256"
status 2 "$peerlab" run small.yaml --threads none
status 2 "$peerlab" run small.yaml --demultiplexer epol
says err "did you mean epoll?"

# Options may stand anywhere, values after = too, and -- ends them.
status 0 "$peerlab" run --quiet small.yaml --threads=1
status 0 "$peerlab" run --seed 3 small.yaml --json
json out 'd["seed"] == 3'
cp small.yaml ./-small.yaml
status 0 "$peerlab" run --quiet -- -small.yaml
finish
