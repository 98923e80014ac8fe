/* The JSON Schema: its structure always, and where python3 has jsonschema also what it says of scenarios. */
#include <unistd.h>

#include "tests/topologies/loading.h"
#include "topologies/yaml.h"

static const struct topology_node *at(const struct topology_node *node, const char *key)
{
    int64_t index = topology_tree_find(node, key, strlen(key));
    if (index < 0)
        fail_msg("the schema has no \"%s\" there", key);
    return node->items[index];
}

static const struct topology_node *parse_schema(struct base_arena *arena, struct base_source *source)
{
    struct base_diagnostics diagnostics = {0};
    struct topology_node *root;
    source->name = "schema";
    source->text = topology_schema(arena, &test_vocabulary);
    source->length = strlen(source->text);
    assert_int_equal(topology_yaml_parse(arena, source, 0, &diagnostics, &root), 0); /* JSON is YAML */
    assert_int_equal(diagnostics.count, 0);
    return root;
}

static void keys_kinds_and_parameters_are_in_the_schema(void **state)
{
    (void) state;
    struct base_source source;
    struct base_arena *arena = base_arena_create();
    const struct topology_node *root = parse_schema(arena, &source);
    const struct topology_node *properties = at(root, "properties");
    const struct topology_node *overlays = at(at(at(root, "$defs"), "overlay"), "oneOf");
    const struct topology_node *k = at(at(overlays->items[0], "properties"), "k");
    assert_string_equal(at(root, "$schema")->text, "https://json-schema.org/draft/2020-12/schema");
    assert_int_equal(at(root, "required")->count, 5);
    assert_int_equal(overlays->count, test_overlays.kind_count);
    assert_string_equal(at(at(at(overlays->items[0], "properties"), "protocol"), "const")->text, "kademlia");
    assert_string_equal(at(k, "type")->text, "integer");
    assert_string_equal(at(k, "minimum")->text, "1");
    assert_string_equal(at(k, "default")->text, "20");
    assert_string_equal(at(k, "description")->text, "The contacts of a bucket.");
    assert_int_equal(at(at(at(properties, "faults"), "items"), "oneOf")->count, test_faults.kind_count);
    assert_int_equal(at(at(at(at(at(properties, "trace"), "properties"), "record"), "items"), "enum")->count, 10);
    base_arena_free(arena);
}

/* By python's jsonschema: the first scenario must fit the schema, the others must not. One process for all of them. */
static const char judge[] =
    "import json, sys, jsonschema, yaml\n"
    "schema = json.load(open(sys.argv[1]))\n"
    "jsonschema.Draft202012Validator.check_schema(schema)\n"
    "validator = jsonschema.Draft202012Validator(schema)\n"
    "fits = [path for path in sys.argv[2:] if validator.is_valid(yaml.safe_load(open(path)))]\n"
    "if fits != sys.argv[2:3]: sys.exit(\"these fit the schema: %s\" % fits)\n";

static void a_right_scenario_fits_the_schema_and_wrong_ones_do_not(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "unknown_key",           "bare_number_for_a_duration", "unknown_overlay",        "uniform_of_one",
        "value_below_its_range", "two_latencies",              "workload_without_every", "churn_without_downtime",
        "unknown_record",        "fault_without_a_time"};
    char schema[] = P_tmpdir "/peerlab-schema-XXXXXX";
    if (system("python3 -c 'import jsonschema, yaml; jsonschema.Draft202012Validator' 2>/dev/null") != 0) {
        print_message("skipped: python3 has no jsonschema of draft 2020-12, or no yaml\n");
        skip();
    }
    struct base_arena *arena = base_arena_create();
    int descriptor = mkstemp(schema);
    const char *text = topology_schema(arena, &test_vocabulary);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    close(descriptor);
    const char *command = base_arena_printf(arena, "cd '%s/tests/topologies' && python3 -c '%s' '%s' whole.yaml",
                                            PEERLAB_SOURCE_DIR, judge, schema);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        command = base_arena_printf(arena, "%s bad/%s.yaml", command, wrong[i]);
    int result = system(command);
    unlink(schema);
    base_arena_free(arena);
    assert_int_equal(result, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_kinds_and_parameters_are_in_the_schema),
        cmocka_unit_test(a_right_scenario_fits_the_schema_and_wrong_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
