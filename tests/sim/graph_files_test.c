/* Graphs from files: edge lists, GML, GraphML; what is wrong with one is told, whatever is in it. */
#include "tests/sim/graph_world.h"

static struct graph *from_text(struct world *world, const char *text, const char *graph, uint32_t peers)
{
    world->file = text;
    world->file_length = strlen(text);
    return world_graph(world, graph, peers, 1);
}

static void an_edge_list_has_comments_tabs_any_line_ends_and_ids_of_any_kind(void **state)
{
    (void) state;
    struct world world = {0};
    static const char text[] = "# a comment\r\n% another\n\n10\t20\r\n20 alice\n   alice\t 10 0.5 {'weight': 3}\r\n7 10";
    const struct graph *graph = from_text(&world, text, "{file: graph.txt}", 4);
    assert_int_equal(world.diagnostics.count, 0);
    assert_false(graph->directed);
    assert_int_equal(graph->edge_count, 4);
    assert_true(graph_has(graph, 0, 1) && graph_has(graph, 1, 2) && graph_has(graph, 0, 2) && graph_has(graph, 3, 0));
    assert_simple(graph);
    world_done(&world);
    from_text(&world, "\xef\xbb\xbf" "1 2\n", "{file: graph.txt}", 2);
    world_done(&world);
    from_text(&world, "", "{file: graph.txt}", 0);
    world_done(&world);
    from_text(&world, "# nobody\n", "{file: graph.txt}", 0);
    world_done(&world);
}

static void loops_and_repeats_are_left_out_and_counted(void **state)
{
    (void) state;
    struct world world = {0};
    static const char text[] = "1 2\n2 1\n1 2\n3 3\n3 1\n";
    const struct graph *graph = from_text(&world, text, "{file: graph.txt}", 3);
    assert_int_equal(graph->edge_count, 2);
    assert_int_equal(graph->loops, 1);
    assert_int_equal(graph->repeats, 2);
    assert_int_equal(world.diagnostics.warning_count, 1);
    assert_non_null(strstr(world.told, "test.yaml:7:17: warning: 1 self-loops and 2 repeated edges are left out\n"));
    world_done(&world);
    graph = from_text(&world, text, "{file: {path: graph.txt, directed: true}}", 3);
    assert_true(graph->directed);
    assert_int_equal(graph->edge_count, 3); /* 1 2, 2 1, 3 1 */
    assert_int_equal(graph->repeats, 1);
    assert_true(graph_has(graph, 2, 0) && !graph_has(graph, 0, 2));
    assert_simple(graph);
    world_done(&world);
}

static const char gml[] =
    "Creator \"me\"\ngraph [\n  directed 1\n  node [ id 7 label \"x\" ]\n  node [ id 3 ]\n  node [ id 9 ]\n"
    "  edge [ source 7 target 3 ]\n  edge [ source 9 target 3 LinkSpeed \"10\" ]\n  edge [ source 9 target 9 ]\n]\n";
static const char graphml[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
    "  <graph id=\"G\" edgedefault=\"undirected\">\n    <node id=\"rome\"/>\n    <node id=\"oslo\"/>\n    <node id=\"bonn\"/>\n"
    "    <edge source=\"rome\" target=\"oslo\"/>\n    <edge source=\"bonn\" target=\"oslo\"/>\n  </graph>\n</graphml>\n";

static void gml_and_graphml_say_themselves_whether_they_are_directed(void **state)
{
    (void) state;
    struct world world = {0};
    const struct graph *graph = from_text(&world, gml, "{file: graph.txt}", 3);
    assert_true(graph->directed);
    assert_int_equal(graph->edge_count, 2);
    assert_int_equal(graph->loops, 1);
    assert_true(graph_has(graph, 0, 1) && graph_has(graph, 2, 1) && !graph_has(graph, 1, 0));
    world_done(&world);
    graph = from_text(&world, gml, "{file: {path: graph.txt, directed: false}}", 3);
    assert_true(!graph->directed && graph_has(graph, 1, 0));
    world_done(&world);
    graph = from_text(&world, graphml, "{file: graph.txt}", 3);
    assert_true(!graph->directed && graph_has(graph, 0, 1) && graph_has(graph, 1, 2) && graph->edge_count == 2);
    world_done(&world);
}

static void what_is_wrong_with_a_file_is_told(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        uint32_t peers;
        const char *told;
    } cases[] = {
        {"1 2\n3\n", 3, "graph.txt:2:2: error: an edge needs two ids\n"},
        {"1 2\n  3  ", 3, "graph.txt:2:6: error: an edge needs two ids\n"},
        {"1 2\n3 \x01\n", 3, "graph.txt:2:3: error: a control character in an id\n"},
        {"1 2\n3 4\n", 3, "test.yaml:7:23: error: graph.txt has 4 nodes for 3 peers\n"},
        {"1 2\n3 4\n", 5, "test.yaml:7:23: error: graph.txt has 4 nodes for 5 peers\n"},
        {"", 1, "test.yaml:7:23: error: graph.txt has 0 nodes for 1 peers\n"},
        {"graph [\n  node [ id 1 ]\n  edge [ source 1 target 2 ]\n]\n", 1,
         "graph.txt:3:1: error: not GML: Unknown target node id"},
        {"graph [\n  node [ id 1 ]\n  edge [ source 1 targ", 1, "graph.txt:3:1: error: not GML: "},
        {"graph [\n node [ id 1 ]\n node [ id 1 ]\n]\n", 1, "graph.txt"},
        {"<?xml version=\"1.0\"?>\n<graphml><graph><node id=\"a\"/>", 1, "graph.txt:2:1: error: not GraphML: "},
        {"<html></html>", 1, "graph.txt: error: not GraphML: "},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct world world = {.file = cases[c].text, .file_length = strlen(cases[c].text)};
        world_build(&world, "{file: graph.txt}", cases[c].peers, 1);
        assert_true(world.result < 0);
        assert_null(world.graph);
        if (strncmp(world.told, cases[c].told, strlen(cases[c].told)) != 0)
            fail_msg("case %zu: told\n%s", c, world.told);
        world_done(&world);
    }
}

static void an_id_of_any_length_is_read_or_refused(void **state)
{
    (void) state;
    char text[400];
    for (size_t length = 250; length < 260; length++) {
        struct world world = {.file = text};
        memset(text, 'x', length);
        strcpy(text + length, " 2\n");
        world.file_length = strlen(text);
        world_build(&world, "{file: graph.txt}", 2, 1);
        assert_int_equal(world.result < 0, length > 255);
        world_done(&world);
    }
}

/* igraph's scanner would take half an hour for the longest. */
static void a_gml_text_without_end_is_refused_at_once(void **state)
{
    (void) state;
    static const char *const heads[] = {"graph [\n label \"", "graph [\n # ", "graph [\n id 1"};
    enum { BYTES = 60 << 20 };
    char *text = malloc(BYTES + 1);
    for (size_t i = 0; i < 3; i++) {
        struct world world = {.file = text, .file_length = BYTES};
        memset(text, '7', BYTES);
        memcpy(text, heads[i], strlen(heads[i]));
        text[BYTES] = '\0';
        world_build(&world, "{file: graph.txt}", 3, 1);
        assert_true(world.result < 0);
        static const char told[] = "graph.txt:2:";
        assert_memory_equal(world.told, told, strlen(told));
        assert_non_null(strstr(world.told, "a word or text of more than 65536 bytes in GML"));
        world_done(&world);
    }
    free(text);
}

/* Pieces that mean something to one of the formats. */
static const char *const pieces[] = {"node [", "edge [", "]", "[", "id 1 ", "source 0 ", "target 99999999 ", "\"", "id -1 ",
    "id 1e308 ", "directed 1 ", "graph [", "<node id=\"n0\"/>", "<edge source=\"a\" target=\"b\"/>", "</graph>",
    "<!DOCTYPE x [<!ENTITY a \"aaaa\">]>", "&a;", "\xff", "<![CDATA[", "id 99999999999999999999 ", "source 0.5 ", "\n"};

static size_t spoil(char *text, size_t length, struct graph_stream *stream)
{
    for (uint64_t left = 1 + graph_draw_below(stream, 4); left > 0; left--) {
        size_t at = length ? (size_t) graph_draw_below(stream, length) : 0;
        const char *piece = pieces[graph_draw_below(stream, sizeof pieces / sizeof *pieces)];
        size_t cut = (size_t) graph_draw_below(stream, 30);
        switch (graph_draw_below(stream, 4)) {
        case 0: text[at] = (char) graph_draw(stream); break;
        case 1: length = graph_draw_below(stream, 4) ? length : at; break;
        case 2:
            memmove(text + at + strlen(piece), text + at, length - at);
            memcpy(text + at, piece, strlen(piece));
            length += strlen(piece);
            break;
        default:
            cut = cut > length - at ? length - at : cut;
            memmove(text + at, text + at + cut, length - at - cut);
            length -= cut;
        }
    }
    return length;
}

static void no_spoilt_file_does_harm(void **state)
{
    (void) state;
    const char *given = getenv("PEERLAB_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261121;
    print_message("PEERLAB_SEED=%llu\n", (unsigned long long) seed);
    static const char edges[] = "# c\n1\t2\r\n2 3\nalice bob\n3 1\n";
    const char *const whole[] = {gml, graphml, edges};
    uint32_t refused = 0, runs = 3000;
    for (uint32_t i = 0; i < runs; i++) {
        struct graph_stream stream = {.key = base_random_subkey(seed, i)};
        char *text = malloc(4096);
        strcpy(text, whole[i % 3]);
        struct world world = {.file = text, .file_length = spoil(text, strlen(text), &stream)};
        world_build(&world, "{file: graph.txt}", 3, 1);
        refused += world.result < 0;
        if (world.result < 0)
            assert_true(world.diagnostics.error_count > 0);
        else
            assert_simple(world.graph);
        world_done(&world);
        free(text);
    }
    assert_true(refused > runs / 4 && refused < runs);
}

/* --- published graphs --- */

static struct graph_measures measured(const char *file, uint32_t peers)
{
    struct world world = {0};
    struct graph_measures measures;
    char text[512];
    snprintf(text, sizeof text, "{file: \"" DATA "%s\"}", file);
    assert_int_equal(graph_measure(world_graph(&world, text, peers, 1), &measures), 0);
    world_done(&world);
    return measures;
}

static void skip_without_data(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, DATA "%s", file);
    if (access(path, R_OK) == 0)
        return;
    print_message("skipped: %s is not there\n", path);
    skip();
}

static void gnutella_is_as_snap_says(void **state)
{
    (void) state;
    skip_without_data("snap-gnutella/p2p-Gnutella08.txt");
    struct graph_measures measures = measured("snap-gnutella/p2p-Gnutella08.txt", 6301);
    assert_int_equal(measures.nodes, 6301);
    assert_int_equal(measures.edges, 20777);
    assert_int_equal(measures.component_largest, 6299);
    assert_true(measures.path_length > 4.6 && measures.path_length < 4.7); /* 4.64; from a sample of the sources */
    assert_true(measures.clustering > 0.01085 && measures.clustering < 0.01095);
    graph_measures_done(&measures);
}

static void the_topology_zoo_is_read_whole(void **state)
{
    (void) state;
    static const struct {
        const char *file;
        uint32_t nodes;
        uint64_t edges;
    } cases[] = {{"Kdl.gml", 754, 895}, {"Abilene.gml", 11, 14}, {"Abilene.graphml", 11, 14},
                 {"Cogentco.gml", 197, 243}, {"Cogentco.graphml", 197, 243}, {"Arpanet196912.gml", 4, 4},
                 {"Aarnet.gml", 19, 24}, {"Geant2012.graphml", 40, 61}};
    skip_without_data("topology-zoo/Kdl.gml");
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char file[128];
        snprintf(file, sizeof file, "topology-zoo/%s", cases[c].file);
        struct graph_measures measures = measured(file, cases[c].nodes);
        if (measures.edges != cases[c].edges || measures.components != 1)
            fail_msg("%s: %u edges in %u components", cases[c].file, (unsigned) measures.edges,
                     (unsigned) measures.components);
        graph_measures_done(&measures);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edge_list_has_comments_tabs_any_line_ends_and_ids_of_any_kind),
        cmocka_unit_test(loops_and_repeats_are_left_out_and_counted),
        cmocka_unit_test(gml_and_graphml_say_themselves_whether_they_are_directed),
        cmocka_unit_test(what_is_wrong_with_a_file_is_told),
        cmocka_unit_test(an_id_of_any_length_is_read_or_refused),
        cmocka_unit_test(a_gml_text_without_end_is_refused_at_once),
        cmocka_unit_test(no_spoilt_file_does_harm),
        cmocka_unit_test(gnutella_is_as_snap_says),
        cmocka_unit_test(the_topology_zoo_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
