# peerlab query: tables, CSV and JSON, named queries and SQL.
. "${0%/*}/cli.sh"

"$peerlab" run small.yaml -o trace.db --quiet || fail "the run"
status 0 "$peerlab" query trace.db
says out "fault-impact"
status 0 "$peerlab" query trace.db --json
json out 'len(d) >= 10 and all(set(q) == {"query", "answers"} for q in d)'
for query in $(python3 -c 'import json; print(*[q["query"] for q in json.load(open("out"))])'); do
    status 0 "$peerlab" query trace.db "$query" --help
    says out "columns:"
    says out "example:"
done
status 0 "$peerlab" query trace.db message-kinds
says out "find_node"
status 0 "$peerlab" query trace.db fault-impact window_s=60 --format json
json out '{row["fault"] for row in d} == {"cut", "strike"}'
status 0 "$peerlab" query trace.db fault-impact
awk 'length > 80 { exit 1 }' out || { fail "the table of fault-impact is too wide"; cat out; }
status 0 "$peerlab" query trace.db fault-impact --format csv
head -1 out | grep -q $'^fault,phase,.*\r$' || fail "the CSV's header: $(head -1 out)"

# Types are kept; what a terminal would obey is shown instead; CSV quotes.
sql="SELECT 1 AS i, 0.1 AS r, NULL AS n, 'a,\"b\"' || char(10) || 'c' AS t, char(27) || '[31mred' AS e, x'ff41' AS b"
status 0 "$peerlab" query trace.db "$sql" --json
json out '[(r["i"], r["r"], r["n"], r["t"], r["e"]) for r in d] == [(1, 0.1, None, "a,\"b\"\nc", "\x1b[31mred")]'
says_not out $'\033'
status 0 "$peerlab" query trace.db "$sql"
says out 'a,"b"\nc'
says out '\x1b[31mred'
says_not out $'\033'
status 0 "$peerlab" query trace.db "$sql" --format=csv
python3 -c 'import csv; rows = list(csv.reader(open("out", newline="", errors="replace")))
assert len(rows) == 2 and rows[1][:4] == ["1", "0.1", "", "a,\"b\"\nc"], rows' || fail "the CSV: $(cat out)"
status 0 "$peerlab" query trace.db 'SELECT 1 AS one WHERE 0' --json
json out 'd == []'
# More rows than widths are taken of.
status 0 "$peerlab" query trace.db 'SELECT id, kind FROM message ORDER BY id LIMIT 1500'
[ "$(wc -l < out)" = 1502 ] || fail "1,500 rows come as $(wc -l < out) lines"

# Mistakes.
status 2 "$peerlab" query trace.db mesage-kinds
says err "message-kinds"
status 2 "$peerlab" query trace.db 'SELECT nothing FROM message'
says err "nothing"
status 2 "$peerlab" query trace.db fault-impact window=3
says err "window_s"
status 2 "$peerlab" query trace.db message-kinds --format xml
says err "table, csv or json"
before=$(sha256sum < trace.db)
for sql in 'DELETE FROM message' 'DROP TABLE message' "ATTACH 'other.db' AS other" 'PRAGMA journal_mode = DELETE' \
           'VACUUM'; do
    status 2 "$peerlab" query trace.db "$sql"
done
[ "$before" = "$(sha256sum < trace.db)" ] || fail "a query changed the trace"
finish
