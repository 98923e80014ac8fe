# Published results that take seconds: `peerlab repro --quick` in good order, as a table and as JSON.
source_folder=$(realpath "${0%/*}/../..")
. "${0%/*}/../scenarios/cli.sh"

status 0 "$peerlab" repro --quick
cat out
says out "pass"
says_not out "FAIL"
awk 'length > 120 { exit 1 }' out || fail "a table is wider than 120 columns"

# The list names each row with its scenario, which can be checked and run by hand.
status 0 "$peerlab" repro --json
cp out rows
is_json rows
python3 - "$peerlab" "$source_folder" <<'PY' || fail "the list of rows"
import json, os, subprocess, sys
peerlab, sources = sys.argv[1:]
names = set()
for row in json.load(open("rows")):
    path = os.path.join(sources, "topologies/papers", row["scenario"])
    assert row["scenario"].startswith(row["name"].lower() + "-"), row["scenario"]
    assert row["name"] not in names
    names.add(row["name"])
    for condition in row["conditions"]:
        sets = [word for key in condition["set"] for word in ("--set", key)]
        subprocess.run([peerlab, "check", path, *sets], check=True, stdout=subprocess.DEVNULL)
        assert condition["replicates"] >= 1
        for figure in condition["figures"]:
            assert figure["ours"] is None and figure["tolerance"] >= 0
    assert any(condition["quick"] for condition in row["conditions"]) or row["name"] not in ("C1", "C6", "C9", "C18")
assert {"C6", "C9"} <= names
PY

status 0 "$peerlab" repro c9 --quick --json
is_json out
json out 'len(d) == 1 and d[0]["name"] == "C9" and d[0]["pass"]'
json out 'all(f["interval"]["low"] < f["ours"] < f["interval"]["high"] for c in d[0]["conditions"] for f in c["figures"])'
cp out first
status 0 "$peerlab" repro C9 c9 --quick --json
cmp -s first out || fail "the same row twice, or run again, differs"

# A figure out of its tolerance: status 1, said so. The scenario is another one than was published.
mkdir papers
sed 's/mode: push/mode: push, rounds_max: 3/' "$source_folder/topologies/papers/c9-epidemic-rounds.yaml" > papers/c9-epidemic-rounds.yaml
status 1 "$peerlab" repro c9 --quick --scenarios papers
says out "FAIL"
status 1 "$peerlab" repro c9 --quick --scenarios papers --json
json out 'not d[0]["pass"]'

# Mistakes: of the command line, and of a scenario, told at its place.
status 2 "$peerlab" repro C9x
status 2 "$peerlab" repro C6 --scenarios nowhere
says err "--scenarios"
echo "name: [" > papers/c9-epidemic-rounds.yaml
status 2 "$peerlab" repro c9 --quick --scenarios papers
says err "papers/c9-epidemic-rounds.yaml:"

# An interrupt ends it at once, and leaves nothing running.
"$peerlab" repro C6 > out 2> err < /dev/null &
pid=$!
sleep 0.7
kill -INT "$pid"
wait "$pid"
[ $? = 130 ] || fail "an interrupt"
finish
