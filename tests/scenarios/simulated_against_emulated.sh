# Is the emulator the simulator? Kademlia, Chord and epidemic, 500 peers with churn and 1 % loss, in virtual time against
# real time on `localhost` and on `socketpair`. How far apart two runs in virtual time with different seeds are, 20 times
# over, tells what is chance: the distance to a run in real time with the same seed must lie within 95 % of those.
#
#     bash tests/scenarios/simulated_against_emulated.sh build/peerlab [SECONDS [OVERLAY...]]
#
# prints a table in Markdown. SECONDS (60) is how long each run in real time takes; two are under way at a time. Status 1:
# a distance is beyond the range.
set -u
peerlab=$(realpath "$1")
seconds=${2:-60}
overlays="${*:3}"
overlays=${overlays:-kademlia chord epidemic}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

# The latencies are continuous: of a constant one any lag, however small, would be all the distance there can be.
scenario() { # NAME: what is its own comes from stdin
    local own
    own=$(cat)
    cat > "$1.yaml" <<YAML
name: $1
duration: $seconds s
peers: [{name: all, count: 500}]
network: {latency: {lognormal: {median: 40 ms, sigma: 0.5}}, jitter: {normal: 2 ms}, loss: 1 %}
addresses: {first: 127.10.0.1, port: 16881}
churn: [{peers: all, session: {exponential: 4 min}, downtime: {exponential: 1 min}, leave: crash}]
trace: {record: [lifecycle, messages, lookups, broadcasts], index: false}
$own
YAML
}
scenario kademlia <<'YAML'
overlay: {protocol: kademlia, k: 8, alpha: 3}
workload: [{lookup: {every: {exponential: 4 s}}}]
YAML
scenario chord <<'YAML'
overlay: {protocol: chord, successors: 8, stabilise: 5 s, fix_fingers: 5 s}
workload: [{lookup: {every: {exponential: 4 s}}}]
YAML
scenario epidemic <<'YAML'
overlay: {protocol: epidemic, mode: push-pull, period: 1 s, rounds: own-timers, rounds_max: 16}
workload: [{publish: {every: {exponential: 500 s}}}]
YAML

run() { "$peerlab" run "$@" --quiet < /dev/null > "log.$BASHPID" 2>&1 || { echo "failed: peerlab run $*"; cat "log.$BASHPID"; touch broken; }; }

echo "overlays in real time, $seconds s each ..." >&2
for name in $overlays; do
    for transport in localhost socketpair; do
        "$peerlab" run "$name.yaml" --seed 1 --clock real --transport $transport -o "$name.$transport.db" --json \
            < /dev/null > "$name.$transport.json" 2> "$name.$transport.err" ||
            { echo "failed: $name on $transport"; cat "$name.$transport.err"; touch broken; } &
    done
    wait
done
echo "20 pairs of seeds in virtual time ..." >&2
for name in $overlays; do
    run "$name.yaml" --seed 1 -o "$name.virtual.db"
    for transport in localhost socketpair; do
        "$peerlab" compare "$name.virtual.db" "$name.$transport.db" --json > "$name.$transport.distances" || touch broken
    done
    for pair in $(seq 20); do
        run "$name.yaml" --seed $((2 * pair)) -o a.db
        run "$name.yaml" --seed $((2 * pair + 1)) -o b.db
        "$peerlab" compare a.db b.db --json > "$name.$pair.pair" || touch broken
    done
done
[ -e broken ] && exit 1

python3 - $overlays <<'PY'
import json, sys
beyond = 0
print("| overlay | measure | virtual | localhost | socketpair | distance, localhost | distance, socketpair | pairs of seeds, 95 % | |")
print("|---|---|---|---|---|---|---|---|---|")
for overlay in sys.argv[1:]:
    def distances(path):
        return {d["measure"]: d for d in json.load(open(path))["distances"]}
    pairs = [distances(f"{overlay}.{i}.pair") for i in range(1, 21)]
    real = [distances(f"{overlay}.{transport}.distances") for transport in ("localhost", "socketpair")]
    for measure in real[0]:
        of_pairs = sorted(pair[measure]["distance"] for pair in pairs)
        at = 0.975 * (len(of_pairs) - 1)
        limit = of_pairs[int(at)] + (at - int(at)) * (of_pairs[min(int(at) + 1, 19)] - of_pairs[int(at)])
        good = all(one[measure]["distance"] <= limit for one in real)
        beyond += not good
        mean = lambda value: f"{value:.4g}"
        print("|", " | ".join([
            overlay, measure + (f", {real[0][measure]['unit']}" if real[0][measure]["unit"] else ""),
            mean(real[0][measure]["a"]["mean"]), *(mean(one[measure]["b"]["mean"]) for one in real),
            *(f"{one[measure]['distance']:.4f}" for one in real), f"{of_pairs[0]:.4f} to {limit:.4f}",
            "within" if good else "BEYOND"]), "|")
print()
for overlay in sys.argv[1:]:
    lags = {t: json.load(open(f"{overlay}.{t}.json"))["lag_ms_p99"] for t in ("localhost", "socketpair")}
    print(f"{overlay}: lag p99 {lags['localhost']:.2f} ms on localhost, {lags['socketpair']:.2f} ms on socketpair", file=sys.stderr)
sys.exit(beyond > 0)
PY
