# peerlab compare: how far apart, and what cannot be compared.
. "${0%/*}/cli.sh"

status 0 "$peerlab" run small.yaml --quiet -o record-all.db
for record in lookups messages ''; do
    status 0 "$peerlab" run small.yaml --quiet -o "record-$record.db" --set "trace.record=[$record]"
done

status 0 "$peerlab" compare record-all.db record-lookups.db
says out "lookups.success"
[ -s err ] && fail "good traces are complained of: $(cat err)"
status 0 "$peerlab" compare record-all.db record-lookups.db --json
json out '[d["a"], d["b"]] == ["record-all.db", "record-lookups.db"]'
json out '{e["measure"]: e["distance"] for e in d["distances"]}["lookups.success"] == 0'

# What only one has recorded has no distance: a trace without messages is not one of peers that sent none.
json out 'all(e["distance"] is None for e in d["distances"] if e["measure"].startswith("messages."))'

# Nothing in common: of each is shown what it has, and that it is no comparison.
status 2 "$peerlab" compare record-lookups.db record-messages.db
says out "lookups.success"
says out "messages."
says err "nothing was measured in both record-lookups.db and record-messages.db"
says err "trace.record"
status 2 "$peerlab" compare record-lookups.db record-messages.db --json
json out 'len(d["distances"]) > 2 and all(e["distance"] is None for e in d["distances"])'
status 2 "$peerlab" compare record-.db record-.db
[ -s out ] && fail "a table of nothing: $(cat out)"
says err "nothing was measured"
status 2 "$peerlab" compare record-all.db nowhere.db
finish
