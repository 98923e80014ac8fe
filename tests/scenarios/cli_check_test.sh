# peerlab check: all mistakes with their places, or the resolved scenario.
. "${0%/*}/cli.sh"

status 0 "$peerlab" check small.yaml
says out "name: small"
says out "alpha: 3" # a default
[ -s err ] && fail "a good scenario is complained of: $(cat err)"
# What it prints is itself a scenario, and the same one.
cp out resolved.yaml
status 0 "$peerlab" check resolved.yaml
cmp -s out resolved.yaml || fail "the resolved scenario resolves to something else"
"$peerlab" run small.yaml --json > a.json; "$peerlab" run resolved.yaml --json > b.json
python3 -c 'import json; assert json.load(open("a.json"))["digest"] == json.load(open("b.json"))["digest"]' ||
    fail "the resolved scenario has another digest"

status 0 "$peerlab" check small.yaml long.yaml
says out "small.yaml: good"
says out "long.yaml: good"
status 0 "$peerlab" check small.yaml --json
json out 'd == {"file": "small.yaml", "valid": True, "errors": []}'

# Several mistakes at once; the good one beside it is still called good.
sed -e 's/k: 4/kk: 4/' -e 's/10 min/10/' small.yaml > bad.yaml
status 2 "$peerlab" check bad.yaml small.yaml
says err "bad.yaml:2:11: error:"
says err "bad.yaml:10:31: error:"
says out "small.yaml: good"
status 2 "$peerlab" check --json bad.yaml
json out 'd["valid"] is False and len(d["errors"]) >= 2'
json out 'set(d["errors"][0]) == {"file", "line", "column", "severity", "message", "hint"}'
json out '(d["errors"][0]["file"], d["errors"][0]["line"], d["errors"][0]["column"]) == ("bad.yaml", 2, 11)'
status 2 "$peerlab" check --json bad.yaml small.yaml
json out '[one["valid"] for one in d] == [False, True]'

# What only shows when names are bound and data is read is found too, without running.
printf '1 2\n3\n' > rtt.txt
status 2 "$peerlab" check small.yaml --set 'network.latency={matrix: rtt.txt, unit: ms, of: round-trip}'
says err "rtt.txt:2:"
status 2 "$peerlab" check small.yaml --set 'workload=[{publish: {every: 1 s}}]'
says err "kademlia"
status 2 "$peerlab" check small.yaml --set overlay.bits=4
says err "bits"
status 2 "$peerlab" check small.yaml --set overlay.k=0 --json
json out 'd["errors"][0]["file"] == "--set overlay.k=0" and d["errors"][0]["column"] == 11'

# A warning leaves a scenario good.
status 0 "$peerlab" check small.yaml --json --set faults.cut.at='2 h'
json out 'd["valid"] and [e["severity"] for e in d["errors"]] == ["warning"]'
# What an overlay does not store cannot be found: told, with its place, for the whole run would not say why.
cat > keys.yaml << 'EOF'
name: keys
duration: 1 min
peers: [{name: some, count: 20}, {name: others, count: 20}]
network: {latency: {constant: 20 ms}}
overlay: {protocol: chord, keys: 100}
workload:
  - lookup: {every: 10 s}
EOF
status 0 "$peerlab" check keys.yaml
says err "keys.yaml:7:5: warning: random keys are looked up where overlay chord stores 100 and no other: none of these"
says err 'keys: 100'
status 0 "$peerlab" check keys.yaml --set workload.0.keys=101
says err "warning: 101 keys are looked up where overlay chord stores 100 and no other: not all of these"
for keys in 100 7; do
    status 0 "$peerlab" check keys.yaml --set workload.0.keys=$keys --json
    json out 'd["valid"] and d["errors"] == []'
done
status 0 "$peerlab" check keys.yaml --set overlay.keys=0 --set workload.0.keys=100 --json # any owner answers
json out 'd["valid"] and d["errors"] == []'
status 2 "$peerlab" check nowhere.yaml --json
json out 'd["errors"][0]["line"] is None'
status 2 "$peerlab" check /dev/null
finish
