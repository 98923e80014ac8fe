# peerlab replay and diff: the same again, and where not.
. "${0%/*}/cli.sh"

mkdir data
python3 -c 'print("\n".join(" ".join(str(0 if i == j else 20 + (i + j) % 30) for j in range(50)) for i in range(50)))' \
    > data/rtt.txt
sed -e 's/latency: .*/latency: {matrix: rtt.txt, unit: ms, of: round-trip, assign: in-order}/' small.yaml > data/s.yaml
status 0 "$peerlab" run data/s.yaml -o a.db --json --set overlay.k=5 --seed 9
cp out run.json

# From the trace alone: the scenario, its files and what --set made of it.
rm -r data
status 0 "$peerlab" replay a.db
says out "the same"
status 0 "$peerlab" replay a.db --json
json out 'd["same"] and d["digest"] == d["recorded_digest"] == json.load(open("run.json"))["digest"]'
json out 'd["version"] == d["recorded_version"]'
python3 -c 'import sqlite3; c = sqlite3.connect("a.db")
c.execute("UPDATE run SET value = ? WHERE key = ?", ("0", "digest")); c.commit()'
status 1 "$peerlab" replay a.db
says out "DIFFERENT"
says out "by version"

status 0 "$peerlab" run small.yaml --quiet -o real.db --clock scaled:6000
status 2 "$peerlab" replay real.db
says err "real time"
status 2 "$peerlab" replay small.yaml

status 0 "$peerlab" run small.yaml --quiet -o a.db
status 0 "$peerlab" run small.yaml --quiet -o b.db
status 0 "$peerlab" run small.yaml --quiet -o c.db --seed 2
status 0 "$peerlab" diff a.db b.db
says out "the same"
status 0 "$peerlab" diff a.db b.db --json
json out 'd["same"] and d["compared"] > 1000'
status 1 "$peerlab" diff a.db c.db
says out "they differ after"
status 1 "$peerlab" diff a.db c.db --json
json out 'not d["same"] and d["a"]["event"] != d["b"]["event"] and d["a"]["trace"] == "a.db"'

# A run that goes another way late: the events before are the same, and something led to the first that is not.
status 0 "$peerlab" run small.yaml --quiet -o d.db --set faults.strike.at='5 min'
status 1 "$peerlab" diff a.db d.db --json
json out 'd["compared"] > 1000 and isinstance(d["a"]["path"], list)'
status 2 "$peerlab" diff a.db nowhere.db
finish
