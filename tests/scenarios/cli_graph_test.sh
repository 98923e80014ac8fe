# peerlab graph: a scenario's initial graph, an overlay's tables out of a trace, GraphML.
. "${0%/*}/cli.sh"

cat > flood.yaml <<'YAML'
name: flood
duration: 60 s
peers: [{name: peers, count: 25}]
network: {latency: {constant: 100 ms}}
overlay: {protocol: broadcast}
initial_graph: grid
workload: [{publish: {every: 10 s}}]
trace: {record: [lifecycle, neighbours, messages]}
YAML

status 0 "$peerlab" graph flood.yaml
says out "edges         40, undirected"
says out "path length   3.33 on average, 8 at most"
says_not out $'\e'
awk 'length > 80 { exit 1 }' out || fail "graph prints more than 80 columns"
status 0 "$peerlab" graph flood.yaml --json
json out 'd["nodes"] == 25 and d["edges"] == 40 and not d["directed"] and d["components"] == 1'
json out 'd["degrees"] == [{"degree": 2, "nodes": 4}, {"degree": 3, "nodes": 12}, {"degree": 4, "nodes": 9}]'
status 0 "$peerlab" graph flood.yaml --set 'initial_graph={barabasi_albert: {edges: 5}}' --set peers.0.count=20000 --json
json out 'abs([x["nodes"] for x in d["degrees"] if x["degree"] == 5][0] / 20000 - 0.287) < 0.01'
json out 'd["path_sources"] < 20000 and 2.5 < d["degree_exponent"] < 3.2'
status 0 "$peerlab" graph flood.yaml --set initial_graph=full --set peers.0.count=100000 --json
json out 'd["edges"] == 4999950000 and d["path_length_mean"] == 1'
status 0 "$peerlab" graph flood.yaml --set peers.0.count=0
says out "peers         0"

# What is written reads back as the same graph.
status 0 "$peerlab" graph flood.yaml -o flood.graphml
says flood.graphml "peers.24"
status 0 "$peerlab" graph flood.yaml --set 'initial_graph={file: flood.graphml}' --json
json out 'd["nodes"] == 25 and d["edges"] == 40 and d["path_length_max"] == 8'
status 2 "$peerlab" graph flood.yaml --set 'initial_graph={file: flood.graphml}' --set peers.0.count=24
says err "flood.graphml has 25 nodes for 24 peers"
status 2 "$peerlab" graph flood.yaml -o no/such/folder.graphml
status 2 "$peerlab" check flood.yaml --set 'initial_graph={file: flood.yaml}'

# A trace: who knew whom at an instant, among those who were up.
status 0 "$peerlab" run flood.yaml -o flood.db --quiet
status 0 "$peerlab" graph flood.db --json
json out 'd["nodes"] == 25 and d["edges"] == 80 and d["directed"] and d["stale_entries"] == 0 and d["path_length_max"] == 8'
status 0 "$peerlab" run flood.yaml -o crash.db --quiet --set 'faults=[{at: 20 s, crash: {fraction: 40 %}, restart_after: 20 s}]'
status 0 "$peerlab" graph crash.db --at '10 s' --json
json out 'd["nodes"] == 25 and d["edges"] == 80'
status 0 "$peerlab" graph crash.db --at '30 s' --json
json out 'd["nodes"] == 15 and d["edges"] < 80 and d["stale_entries"] > 0'
status 0 "$peerlab" graph crash.db -o crash.graphml --at 30s
says out "entries name peers that are down"
says crash.graphml 'edgedefault="directed"'
status 0 "$peerlab" graph crash.db --json
json out 'd["nodes"] == 25 and d["edges"] == 80 and d["stale_entries"] == 0'
status 0 "$peerlab" run small.yaml -o kademlia.db --quiet --set 'trace.record=[lifecycle, neighbours]'
status 0 "$peerlab" graph kademlia.db --at '5 min' --json
json out '0 < d["nodes"] < 50 and d["degree_mean"] > 4'

# Mistakes.
status 2 "$peerlab" graph small.yaml
says err "small.yaml has no initial_graph"
status 2 "$peerlab" graph flood.yaml --at '1 s'
says err "--at is for traces"
status 2 "$peerlab" graph flood.db --at soon
says err "--at soon: a time like '40 min' is needed"
status 0 "$peerlab" run flood.yaml -o bare.db --quiet --set 'trace.record=[lifecycle]'
status 2 "$peerlab" graph bare.db
says err "bare.db holds no neighbour tables"
status 2 "$peerlab" graph nowhere.yaml
head -c 100 flood.db > cut.db
status 2 "$peerlab" graph cut.db
status 2 "$peerlab" run flood.yaml --set initial_graph=
status 2 "$peerlab" run small.yaml --set overlay.protocol=broadcast --set 'overlay={protocol: broadcast}'
finish
