/* `--pcap`: the packets of whole runs against their traces, on each overlay and transport; and what tshark says of them. */
#include "tests/contract/scenario_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <time.h>

#include "sim/overlay.h"
#include "sim/transport.h"
#include "traces/pcap.h"

#define TROUBLE                                                                                              \
    "churn: [{peers: a, session: {exponential: 40 s}, downtime: {exponential: 20 s}}]\n"                    \
    "faults: [{at: 30 s, for: 20 s, partition: [[a], [b]]}, {at: 60 s, crash: {fraction: 30 %, of: b}, " \
    "restart_after: 20 s}]\n"

/* The text is the caller's to free. */
static char *yaml_of(const struct topology_kind *overlay, const char *transport, const char *more)
{
    const struct overlay_ops *ops = overlay->ops;
    char *text = NULL;
    int length = asprintf(&text,
                          "name: capture\nseed: 5\nduration: 2 min\npeers: [{name: a, count: 40}, {name: b, count: 20}]\n"
                          "network: {latency: {uniform: [10 ms, 90 ms]}, loss: 2 %%}\noverlay: {protocol: %s}\n"
                          "transport: %s\nworkload: [%s]\ntrace: {record: [messages]}\n%s%s",
                          overlay->name, transport,
                          scenario_workload(ops, "{lookup: {every: 5 s}}", "{publish: {every: 10 s, count: 8}}"),
                          ops->needs_graph ? "initial_graph: {watts_strogatz: {degree: 6, rewire: 0.1}}\n" : "", more);
    assert_true(length > 0);
    return text;
}

static struct scenario_run captured(const char *yaml, const char *trace, const char *path)
{
    struct scenario_run run = scenario_run_captured(yaml, NULL, trace, path);
    print_diagnostics(&run.diagnostics);
    assert_int_equal(run.result, 0);
    return run;
}

static pcap_t *open_packets(const char *path)
{
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!file)
        fail_msg("%s", text);
    return file;
}

static uint64_t at_ns_of(const struct pcap_pkthdr *header)
{
    return (uint64_t) header->ts.tv_sec * 1000000000u + (uint64_t) header->ts.tv_usec;
}

/* Messages that reached an overlay, in order of arrival; at one instant the order is the receivers'. */
static const char arrivals[] =
    "select sent_at_ns + queue_ns + delay_ns, bytes, target_seq, s.address, t.address from message m "
    "join fate f on f.id = m.fate join peer s on s.peer = m.source join peer t on t.peer = m.target "
    "where f.name in ('delivered', 'malformed') order by 1, m.target, target_seq";

static void assert_is_row(const struct pcap_pkthdr *header, const uint8_t *data, sqlite3_stmt *row)
{
    char source[32], target[32];
    snprintf(source, sizeof source, "%u.%u.%u.%u:%u", data[12], data[13], data[14], data[15], data[20] << 8 | data[21]);
    snprintf(target, sizeof target, "%u.%u.%u.%u:%u", data[16], data[17], data[18], data[19], data[22] << 8 | data[23]);
    assert_int_equal(at_ns_of(header) - TRACE_PCAP_EPOCH_NS, sqlite3_column_int64(row, 0));
    assert_int_equal(header->len, 28 + sqlite3_column_int64(row, 1));
    assert_int_equal(data[4] << 8 | data[5], sqlite3_column_int64(row, 2) & 0xffff);
    assert_string_equal(source, (const char *) sqlite3_column_text(row, 3));
    assert_string_equal(target, (const char *) sqlite3_column_text(row, 4));
}

static uint64_t assert_packets_are_the_trace_s(const char *path, const char *trace)
{
    pcap_t *file = open_packets(path);
    sqlite3 *db;
    sqlite3_stmt *rows;
    assert_int_equal(sqlite3_open_v2(trace, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, arrivals, -1, &rows, NULL), SQLITE_OK);
    struct pcap_pkthdr *header;
    const uint8_t *data;
    uint64_t count = 0;
    while (pcap_next_ex(file, &header, &data) == 1) {
        assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
        assert_is_row(header, data, rows);
        count++;
    }
    assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
    sqlite3_finalize(rows);
    sqlite3_close(db);
    pcap_close(file);
    return count;
}

static void each_message_that_reached_an_overlay_is_a_packet_at_its_arrival(void **state)
{
    (void) state;
    for (uint32_t i = 0; i < sim_overlays.kind_count; i++) {
        char trace[64], path[64], *yaml = yaml_of(sim_overlays.kinds[i], "memory", TROUBLE);
        trace_path(trace);
        trace_path(path);
        struct scenario_run run = captured(yaml, trace, path);
        uint64_t count = assert_packets_are_the_trace_s(path, trace);
        assert_true(count > 100);
        assert_true((double) count ==
                    scenario_figure(&run, "messages.delivered") + scenario_figure(&run, "drops.malformed"));
        assert_true((double) count == scenario_figure(&run, "pcap.packets"));
        assert_true(scenario_figure(&run, "pcap.left_out") == 0);
        scenario_run_done(&run);
        unlink(trace);
        unlink(path);
        free(yaml);
    }
}

static char *content_of(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *length = (size_t) ftell(file);
    rewind(file);
    char *text = malloc(*length);
    assert_int_equal(fread(text, 1, *length, file), *length);
    fclose(file);
    return text;
}

static void memory_and_socketpair_give_the_same_file_and_the_digest_of_a_run_without(void **state)
{
    (void) state;
    static const char *const transports[] = {"memory", "socketpair"};
    for (uint32_t i = 0; i < sim_overlays.kind_count; i++) {
        char digest[40], *content[2];
        size_t length[2];
        for (int t = 0; t < 2; t++) {
            char path[64], *yaml = yaml_of(sim_overlays.kinds[i], transports[t], TROUBLE);
            trace_path(path);
            scenario_digest(yaml, NULL, NULL, digest);
            struct scenario_run run = captured(yaml, NULL, path);
            assert_string_equal(run.digest, digest);
            content[t] = content_of(path, &length[t]);
            scenario_run_done(&run);
            unlink(path);
            free(yaml);
        }
        assert_int_equal(length[0], length[1]);
        assert_memory_equal(content[0], content[1], length[0]);
        free(content[0]);
        free(content[1]);
    }
}

static void in_real_time_packets_bear_the_wall_clock_s_time_in_order(void **state)
{
    (void) state;
    const struct topology_kind *overlay = topology_kind_find(&sim_overlays, "broadcast");
    for (uint32_t t = 0; t < sim_transports.kind_count; t++) {
        char path[64], *yaml = yaml_of(overlay, sim_transports.kinds[t]->name,
                                       "clock: real\naddresses: {first: 127.77.1.1, port: 27881}\n");
        trace_path(path);
        static const char faster[] = "workload=[{publish: {every: 100 ms}}]";
        uint64_t before_s = (uint64_t) time(NULL), last_ns = 0;
        struct scenario_run run = scenario_run_captured(
            yaml, (const char *const[]){"duration=1300 ms", faster, NULL}, NULL, path);
        if (run.result) /* localhost needs its ports */
            fail_msg("%s: %s", sim_transports.kinds[t]->name, run.diagnostics.items[0].message);
        pcap_t *file = open_packets(path);
        struct pcap_pkthdr *header;
        const uint8_t *data;
        uint64_t count = 0;
        for (; pcap_next_ex(file, &header, &data) == 1; count++, last_ns = at_ns_of(header))
            assert_true(at_ns_of(header) >= last_ns && at_ns_of(header) >= before_s * 1000000000u);
        assert_true(last_ns <= ((uint64_t) time(NULL) + 1) * 1000000000u);
        assert_true(count && (double) count == scenario_figure(&run, "messages.delivered"));
        pcap_close(file);
        scenario_run_done(&run);
        unlink(path);
        free(yaml);
    }
}

static void a_capture_that_cannot_be_written_fails_the_run(void **state)
{
    (void) state;
    char *yaml = yaml_of(sim_overlays.kinds[0], "memory", "");
    struct scenario_run run = scenario_run_captured(yaml, NULL, NULL, "/");
    assert_int_equal(run.result, -EISDIR);
    assert_int_equal(run.diagnostics.error_count, 1);
    run = scenario_run_captured(yaml, NULL, NULL, "/dev/full");
    assert_int_equal(run.result, -ENOSPC);
    free(yaml);
}

/* What tshark prints, a line for each kind of answer; the caller's to free. */
static char *tshark(const char *path, const char *options)
{
    char *command = NULL, *text = calloc(1, 4096);
    assert_true(asprintf(&command, "tshark -r %s %s 2>/dev/null | sort -u | head -c 4000", path, options) > 0);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    assert_true(fread(text, 1, 4095, output) < 4095);
    pclose(output);
    free(command);
    return text;
}

static void tshark_takes_each_packet_for_plain_udp_with_right_checksums(void **state)
{
    (void) state;
    if (system("tshark --version >/dev/null 2>&1") != 0) {
        print_message("skipped: tshark is not installed (Debian package tshark)\n");
        skip();
    }
    for (uint32_t i = 0; i < sim_overlays.kind_count; i++) {
        char path[64], *yaml = yaml_of(sim_overlays.kinds[i], "memory", TROUBLE);
        trace_path(path);
        struct scenario_run run = captured(yaml, NULL, path);
        char *seen = tshark(path, "-o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -T fields -e frame.protocols "
                                  "-e ip.checksum.status -e udp.checksum.status -e _ws.malformed");
        if (strcmp(seen, "raw:ip:udp:data\t1\t1\t\n") != 0)
            fail_msg("%s is seen as %s", sim_overlays.kinds[i]->name, seen);
        free(seen);
        scenario_run_done(&run);
        unlink(path);
        free(yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_that_reached_an_overlay_is_a_packet_at_its_arrival),
        cmocka_unit_test(memory_and_socketpair_give_the_same_file_and_the_digest_of_a_run_without),
        cmocka_unit_test(in_real_time_packets_bear_the_wall_clock_s_time_in_order),
        cmocka_unit_test(a_capture_that_cannot_be_written_fails_the_run),
        cmocka_unit_test(tshark_takes_each_packet_for_plain_udp_with_right_checksums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
