# peerlab run: the summary, its JSON, and what --set does.
. "${0%/*}/cli.sh"

status 0 "$peerlab" run small.yaml --json -o trace.db
is_json out
cat > keys.py <<'PY'
import json, sys
d = json.load(open("out"))
top = """version scenario seed status clock transport threads peers peers_up_mean digest events wall_s user_cpu_s
    setup_s setup_user_cpu_s virtual_s events_per_s peak_rss_bytes messages drops lookups broadcasts metrics trace expectations
    lag_ms_p99 lag_ms_max"""
inner = {
    "messages": "sent delivered dropped in_flight bytes",
    "lookups": "issued succeeded unfinished correct success_ratio correct_ratio hops_mean hops_p50 latency_ms_p50 "
               "latency_ms_p99 messages_mean timeouts_mean",
    "broadcasts": "published delivery_ratio rounds_mean last_hop_max latency_ms_p50 latency_ms_p99 duplicates_mean",
    "trace": "rows bytes left_out",
}
missing = [key for key in top.split() if key not in d]
missing += [f"{name}.{key}" for name, keys in inner.items() for key in keys.split() if key not in d[name]]
for name, figures in d["metrics"].items():
    missing += [f"metrics.{name}.{key}" for key in "count mean p50 p99 max".split() if key not in figures]
for key in "text value pass".split():
    missing += [f"expectations[].{key}" for e in d["expectations"] if key not in e]
assert not missing, missing
assert d["status"] == "complete" and len(d["digest"]) == 32 and d["virtual_s"] == 600
assert d["broadcasts"]["published"] is None and d["lag_ms_p99"] is None
assert d["messages"]["sent"] == d["messages"]["delivered"] + d["messages"]["dropped"] + d["messages"]["in_flight"]
assert d["messages"]["dropped"] == sum(d["drops"].values())
assert d["expectations"][0]["pass"] is True and d["trace"]["rows"] > 0
PY
python3 keys.py || fail "the keys of --json"
digest=$(python3 -c 'import json; print(json.load(open("out"))["digest"])')

# For people: within 80 columns, nothing that is null, no colours where there is no terminal.
status 0 "$peerlab" run small.yaml
says out "$digest"
says out "pass  lookups.issued > 0"
says_not out "broadcasts"
says_not out "null"
says_not out $'\033'
awk 'length > 80 { exit 1 }' out || fail "the summary is wider than 80 columns"
[ -s err ] && fail "something on stderr: $(cat err)"
status 0 "$peerlab" run small.yaml --quiet
[ -s out ] && fail "--quiet prints"

# --set: overrides, creates, the last wins; --seed is one of them; a thousand of them are taken.
status 0 "$peerlab" run small.yaml --json --seed 5 --set seed=6
json out 'd["seed"] == 6'
status 0 "$peerlab" run small.yaml --json --set seed=6 --seed=5
json out 'd["seed"] == 5'
many=()
for i in $(seq 1100); do many+=(--set "seed=$i"); done
status 0 "$peerlab" run small.yaml --json "${many[@]}"
json out 'd["seed"] == 1100'
status 0 "$peerlab" run small.yaml --json --set peers.home.count=41 --set 'network.latency={constant: 20 ms}'
json out 'd["peers"] == 51'
status 0 "$peerlab" run small.yaml --json --clock scaled:6000 --transport socketpair --set 'expect=[]'
json out 'd["clock"] == "scaled:6000" and d["digest"] is None and d["lag_ms_p99"] is not None'
json out 'd["transport"] == "socketpair"'
# Over each demultiplexer; `none` watches nothing, which a real run cannot do with.
real="--json --clock scaled:6000 --transport socketpair --set expect=[]"
for demultiplexer in select poll epoll auto; do
    status 0 "$peerlab" run small.yaml $real --demultiplexer "$demultiplexer"
    json out 'd["messages"]["delivered"] > 100'
done
grep -qE '^note: --demultiplexer auto: (io_uring|epoll) is the best' err || { fail "auto does not say what it is"; cat err; }
status 0 "$peerlab" run small.yaml $real --demultiplexer auto --quiet
says_not err "auto"
status 2 "$peerlab" run small.yaml $real --demultiplexer none
says err "this transport needs descriptors, and --demultiplexer none watches none"

# Mistakes are told at their place, under the name of the option.
status 2 "$peerlab" run small.yaml --set overlay.kk=8
says err "--set overlay.kk=8:1:9: error:"
says err "did you mean"
status 2 "$peerlab" run small.yaml --set overlay.k=0
says err "--set overlay.k=0:1:11: error:"
status 2 "$peerlab" run small.yaml --set nonsense
says err "--set nonsense:1:1: error:"
status 2 "$peerlab" run small.yaml --seed many --clock soon --transport pigeon
says err "--seed many:1:6: error:"
says err "--clock soon:1:7: error:"
says err "--transport pigeon:1:11: error:"
status 2 "$peerlab" run small.yaml --clock scaled:fast
says err "--clock scaled:fast:1:"
status 2 "$peerlab" run nowhere.yaml
says err "nowhere.yaml: error: cannot be read"

# An expectation that fails: status 1, said so; a figure that is null fails.
status 1 "$peerlab" run small.yaml --set 'expect=[lookups.success_ratio > 2]'
says out "FAIL  lookups.success_ratio > 2"
status 1 "$peerlab" run small.yaml --json --set 'expect=[broadcasts.published >= 0]'
json out 'd["expectations"][0] == {"text": "broadcasts.published >= 0", "value": None, "pass": False}'

# Colours on a terminal, unless NO_COLOR is set to something or the terminal is dumb.
if command -v script > /dev/null; then
    colours() {
        env "$@" script -qec "'$peerlab' run small.yaml" /dev/null < /dev/null > out 2>&1
        grep -q $'\033\[1m' out
    }
    colours TERM=xterm NO_COLOR= || fail "no colours on a terminal"
    colours TERM=xterm NO_COLOR=1 && fail "colours despite NO_COLOR"
    colours TERM=dumb NO_COLOR= && fail "colours on a dumb terminal"
fi
finish
