# peerlab plan, list and bench.
. "${0%/*}/cli.sh"

status 0 "$peerlab" plan small.yaml
says out "cut begin"
says out "strike"
says out "through "
status 0 "$peerlab" plan small.yaml --json
cp out plan.json
json out 'all(set(s) == {"at_ns", "name", "what", "why", "peer", "incarnation", "bootstrap", "graceful"} for s in d)'
json out '[s["at_ns"] for s in d] == sorted(s["at_ns"] for s in d)'
json out 'len([s for s in d if s["what"] == "crash" and s["why"] == "strike"]) > 3'
json out 'len({s["name"] for s in d}) == len(d)'
status 0 "$peerlab" plan small.yaml --json
cmp -s out plan.json || fail "two plans of one seed differ"
status 0 "$peerlab" plan small.yaml --json --seed 2
cmp -s out plan.json && fail "another seed has the same plan"

# What is planned is what happens: the sessions of a run begin and end as the plan says.
"$peerlab" run small.yaml --quiet -o trace.db
"$peerlab" query trace.db "SELECT p.name || '#' || s.incarnation || ' up' AS name, s.up_at_ns AS at_ns
                           FROM session s JOIN peer p USING (peer)" --json > sessions.json
python3 - <<'PY' || fail "the sessions are not those of the plan"
import json
planned = {s["at_ns"] and (s["peer"], s["at_ns"]) or (s["peer"], 0) for s in json.load(open("plan.json"))
           if s["what"] in ("up", "restart")}
happened = {(s["name"].split("#")[0], s["at_ns"]) for s in json.load(open("sessions.json"))}
assert planned == happened, (sorted(planned - happened)[:5], sorted(happened - planned)[:5])
PY
status 2 "$peerlab" plan small.yaml --set overlay.kk=1
says err "--set overlay.kk=1:1:9"

status 0 "$peerlab" list
for kind in overlays latencies churns faults workloads transports clocks demultiplexers metrics queries; do
    says out "$kind"
done
status 0 "$peerlab" list --json
json out 'all(set(i) == {"kind", "name", "summary", "source", "parameters"} and i["summary"] for i in d)'
json out '[p["default"] for i in d if i["name"] == "kademlia" for p in i["parameters"] if p["key"] == "alpha"] == ["3"]'
python3 -c 'import json; [print(i["kind"], i["name"]) for i in json.load(open("out"))]' > items
[ "$(wc -l < items)" -gt 30 ] || fail "only $(wc -l < items) items"
while read -r kind name; do
    status 0 "$peerlab" list "$kind" "$name"
    says out "$name"
    awk 'length > 100 { exit 1 }' out || fail "list $kind $name is too wide"
done < items
status 0 "$peerlab" list overlay kademlia # its singular is understood
says out "Maymounkov"
says out "default 20"
status 0 "$peerlab" list --schema
json out '"$defs" in d or "properties" in d'
status 2 "$peerlab" list overlys
says err "did you mean overlays?"
status 2 "$peerlab" list overlays kadmlia
says err "did you mean kademlia?"

# Benches are programs beside the binary; without them bench says so, and what builds them.
mkdir -p tree/tests/bench
cp "$peerlab" tree/peerlab
status 2 tree/peerlab bench
says err "no benches in"
says err "cmake --build $PWD/tree --target benches"
built_from=$(grep -ao 'peerlab is built from [0-9a-f]\{32\}' "$peerlab" | head -1)
printf '#!/bin/sh\n# %s\necho "one: $*"\nexit 1\n' "$built_from" > tree/tests/bench/bench_one
printf '#!/bin/sh\n# %s\necho two\n' "$built_from" > tree/tests/bench/bench_two
chmod +x tree/tests/bench/bench_*
status 0 tree/peerlab bench --list
[ "$(cat out)" = $'one\ntwo' ] || fail "bench --list: $(cat out)"
status 1 tree/peerlab bench one a 1
says out "one: a 1"
status 1 tree/peerlab bench
says out "two"
status 2 tree/peerlab bench twoo
says err "did you mean two?"

# A bench of another build would measure another engine.
for bytes in '#!/bin/sh\necho three\n' '#!/bin/sh\n# peerlab is built from 0123456789abcdef0123456789abcdef\necho three\n'; do
    printf "$bytes" > tree/tests/bench/bench_three
    chmod +x tree/tests/bench/bench_three
    status 2 tree/peerlab bench three
    says err "three is not built from what this peerlab is built from"
    says err "cmake --build $PWD/tree --target peerlab benches"
    says_not out "three"
done
finish
