# What an editor sees: `peerlab list --schema` takes every shipped scenario and refuses the wrong ones of bad/, but those
# whose mistake a schema cannot say. Needs python3 with jsonschema and yaml (Debian: python3-jsonschema, python3-yaml).
set -u
peerlab=$(realpath "$1")
cd "${0%/*}/../.." || exit 1
python3 -c 'import jsonschema, yaml; jsonschema.Draft202012Validator' 2> /dev/null ||
    { echo "skipped: no python3 with jsonschema (4 or later) and yaml"; exit 77; }
"$peerlab" list --schema | python3 -W error -c '
import glob, json, os, sys
import jsonschema, yaml

# Why a schema cannot refuse it, by the name of the file.
EXCEPTIONS = {
    "set_*": "the mistake is in a --set, the file is good",
    "duplicate_key* fault_key_at_both_levels merge_key": "gone once the YAML is read; editors tell duplicate keys by themselves",
    "nul_in_a_text": "of the bytes of the file",
    "*_not_built": "is built in peerlab; the test of the loader leaves it out of its vocabulary",
    "*_missing_file matrix_from_a_folder": "of a file beside the scenario",
    "duration_of_* duration_out_of_its_range share_above_all uniform_backwards workload_every_nothing": "the size of a quantity with a unit",
    "warm_up_longer_than_the_run workload_that_stops_before_it_starts stationary_start_without_a_mean": "two values together",
    "unknown_group* group_on_both_sides_of_a_partition churn_twice_for_a_group two_*_of_a_name": "a name against other names of the scenario",
    "address_that_is_none addresses_that_run_out too_many_peers": "arithmetic of addresses and of the sum of all counts",
    "group_named_by_a_number group_with_a_dot_in_its_name": "the table of parameters has no patterns for texts",
    "seed_beyond_64_bits": "beyond the integers that editors count with",
    "word_for_a_boolean": "this reader of YAML 1.1 takes yes as true; peerlab and editors read YAML 1.2",
}
import fnmatch
def reason(name):
    return next((why for names, why in EXCEPTIONS.items() for one in names.split() if fnmatch.fnmatch(name, one)), None)

schema = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
failures = []
shipped = sorted(glob.glob("topologies/**/*.yaml", recursive=True))
for path in shipped:
    with open(path, encoding="utf-8") as file:
        for error in validator.iter_errors(yaml.safe_load(file)):
            failures.append(f"{path}: {list(error.absolute_path)}: {error.message[:200]}")
refused, excepted, unreadable = 0, set(), 0
bad = sorted(glob.glob("tests/topologies/bad/*.yaml"))
for path in bad:
    name = os.path.basename(path)[:-5]
    try:
        with open(path, "rb") as file:
            scenario = yaml.safe_load(file)
    except (yaml.YAMLError, ValueError, RecursionError):
        unreadable += 1
        continue
    if not validator.is_valid(scenario):
        refused += 1
    elif reason(name):
        excepted.add(name)
    else:
        failures.append(f"{path}: is taken")
unused = [one for names in EXCEPTIONS for one in names.split() if not any(fnmatch.fnmatch(name, one) for name in excepted)]
failures += [f"the exception {one} excepts nothing" for one in unused]
print(f"{len(shipped)} shipped scenarios fit; of {len(bad)} wrong ones {refused} are refused, {unreadable} are no YAML,")
print(f"{len(excepted)} have a mistake that no schema says:")
for name in sorted(excepted):
    print(f"  {name}: {reason(name)}")
if len(shipped) < 10 or refused < 60:
    failures.append("too few scenarios were found")
if failures:
    sys.exit("\n".join(["FAILED"] + failures))
'
