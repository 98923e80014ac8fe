/* The capture file, read back with libpcap; headers and checksums are checked with arithmetic of this test's own. */
#include "tests/traces/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "reactor/base/random.h"
#include "traces/pcap.h"
#include "traces/sinks/memory.h"

#define HEADS 28
#define SECOND UINT64_C(1000000000)

static struct trace *open_capture(const char *path)
{
    struct base_diagnostics diagnostics = {0};
    struct trace *capture = NULL;
    int error = trace_open_pcap(&capture, &(struct trace_pcap_options){.path = path}, &diagnostics);
    if (error)
        fail_msg("trace_open_pcap: %d %s", error, diagnostics.items[0].message);
    return capture;
}

static int refused(const char *path, struct base_diagnostics *diagnostics)
{
    struct trace *capture = NULL;
    *diagnostics = (struct base_diagnostics){0};
    int error = trace_open_pcap(&capture, &(struct trace_pcap_options){.path = path}, diagnostics);
    assert_int_equal(diagnostics->error_count, 1);
    return error;
}

/* Packet number i of a capture: of any length, any bytes. */
static struct trace_packet packet_at(uint64_t i, uint8_t *bytes)
{
    static const uint32_t lengths[] = {0, 1, 2, 3, 26, 1472, 1473, 46, 9001, 65507};
    struct trace_packet packet = {.at_ns = TRACE_PCAP_EPOCH_NS + i * 1000000001, .bytes = bytes, .id = (uint16_t) (i * 7),
                                  .length = lengths[i % 10] ? lengths[i % 10] : (uint32_t) (i % 97)};
    for (uint32_t at = 0; at < packet.length; at++)
        bytes[at] = (uint8_t) (base_random_at(i, at / 8) >> at % 8 * 8);
    memcpy(packet.source, (uint8_t[]){127, 1, (uint8_t) i, 9, 0x1a, 0xe1}, 6);
    memcpy(packet.target, (uint8_t[]){10, 255, 3, (uint8_t) (i + 1), (uint8_t) i, 0x35}, 6);
    return packet;
}

static void append(struct trace *capture, uint64_t from, uint64_t count)
{
    static uint8_t bytes[65536];
    for (uint64_t i = from; i < from + count; i++) {
        struct trace_packet packet = packet_at(i, bytes);
        trace_packet(capture, &packet);
        memset(bytes, 0x55, sizeof bytes); /* they were copied */
    }
}

/* 16 bits at a time, from two octets each, as RFC 791 words it: 0xffff when the checksum among them is right. */
static uint32_t ones_sum(uint32_t sum, const uint8_t *octets, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 ? octets[i] : (uint32_t) octets[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void assert_packet(const struct pcap_pkthdr *header, const uint8_t *data, const struct trace_packet *packet)
{
    uint32_t total = HEADS + packet->length;
    assert_int_equal((uint64_t) header->ts.tv_sec * SECOND + (uint64_t) header->ts.tv_usec, packet->at_ns);
    assert_int_equal(header->caplen, total);
    assert_int_equal(header->len, total);
    const uint8_t fixed[] = {0x45, 0, (uint8_t) (total >> 8), (uint8_t) total, (uint8_t) (packet->id >> 8),
                             (uint8_t) packet->id, 0, 0, 64, 17};
    assert_memory_equal(data, fixed, sizeof fixed);
    assert_memory_equal(data + 12, packet->source, 4);
    assert_memory_equal(data + 16, packet->target, 4);
    assert_memory_equal(data + 20, packet->source + 4, 2);
    assert_memory_equal(data + 22, packet->target + 4, 2);
    assert_int_equal(data[24] << 8 | data[25], 8 + packet->length);
    assert_int_equal(ones_sum(0, data, 20), 0xffff);
    assert_true(data[26] || data[27]);
    assert_int_equal(ones_sum(ones_sum(17 + 8 + packet->length, data + 12, 8), data + 20, total - 20), 0xffff);
    assert_memory_equal(data + HEADS, packet->bytes, packet->length);
}

/* The packets of a file, each as it was appended; whole: and nothing is behind them. */
static uint64_t check_file(const char *path, bool whole)
{
    static uint8_t bytes[65536];
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
    if (!file)
        fail_msg("%s", text);
    assert_int_equal(pcap_datalink(file), DLT_RAW);
    struct pcap_pkthdr *header;
    const uint8_t *data;
    uint64_t count = 0;
    int result;
    while ((result = pcap_next_ex(file, &header, &data)) == 1) {
        struct trace_packet packet = packet_at(count++, bytes);
        assert_packet(header, data, &packet);
    }
    if (whole)
        assert_int_equal(result, PCAP_ERROR_BREAK);
    pcap_close(file);
    return count;
}

static void packets_of_any_length_come_back_whole_in_order_and_with_right_checksums(void **state)
{
    char *path = fixture_path(state, "a.pcap");
    struct trace *capture = open_capture(path);
    append(capture, 0, 3000);
    struct trace_totals totals = fixture_finish(capture);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(totals.rows, 3000);
    assert_int_equal(totals.left_out, 0);
    assert_int_equal(totals.bytes, status.st_size);
    assert_int_equal(check_file(path, true), 3000);
    free(path);
}

static void a_udp_checksum_that_comes_to_zero_is_written_as_ffff(void **state)
{
    char *path = fixture_path(state, "a.pcap"), text[PCAP_ERRBUF_SIZE];
    struct trace *capture = open_capture(path);
    uint8_t bytes[2];
    struct trace_packet packet = {.bytes = bytes, .length = 2};
    for (uint32_t word = 0; word < 0x10000; word++) { /* one of them */
        memcpy(bytes, (uint8_t[]){(uint8_t) (word >> 8), (uint8_t) word}, 2);
        trace_packet(capture, &packet);
    }
    fixture_finish(capture);
    pcap_t *file = pcap_open_offline(path, text);
    struct pcap_pkthdr *header;
    const uint8_t *data;
    uint32_t zeros = 0, ones = 0;
    while (pcap_next_ex(file, &header, &data) == 1) {
        zeros += data[26] == 0 && data[27] == 0;
        ones += data[26] == 0xff && data[27] == 0xff;
    }
    assert_int_equal(zeros, 0);
    assert_int_equal(ones, 1);
    pcap_close(file);
    free(path);
}

static void an_empty_capture_is_a_capture(void **state)
{
    char *path = fixture_path(state, "a.pcap");
    assert_int_equal(fixture_finish(open_capture(path)).bytes, 24);
    assert_int_equal(check_file(path, true), 0);
    free(path);
}

static void a_capture_or_an_empty_file_is_replaced_and_nothing_else(void **state)
{
    char *path = fixture_path(state, "a.pcap"), *other = fixture_path(state, "letter.txt");
    struct base_diagnostics diagnostics;
    fclose(fopen(path, "w"));
    for (int i = 0; i < 2; i++) {
        struct trace *capture = open_capture(path);
        append(capture, 0, 50 - 40 * (uint64_t) i);
        fixture_finish(capture);
    }
    assert_int_equal(check_file(path, true), 10);
    FILE *file = fopen(other, "w");
    fputs("Dear friend, this is no capture at all.\n", file);
    fclose(file);
    assert_int_equal(refused(other, &diagnostics), -EEXIST);
    assert_non_null(strstr(diagnostics.items[0].message, "is not a capture"));
    struct stat status;
    assert_int_equal(stat(other, &status), 0);
    assert_int_equal(status.st_size, 40);
    free(path);
    free(other);
}

static void a_capture_that_is_being_written_is_not_replaced(void **state)
{
    char *path = fixture_path(state, "a.pcap");
    struct base_diagnostics diagnostics;
    for (int i = 0; i < 2; i++) { /* a new file, and one in an older one's place */
        struct trace *capture = open_capture(path);
        append(capture, 0, 10);
        assert_int_equal(refused(path, &diagnostics), -EBUSY);
        assert_non_null(strstr(diagnostics.items[0].message, "is being written by another run"));
        fixture_finish(capture);
        assert_int_equal(check_file(path, true), 10);
    }
    free(path);
}

static void what_cannot_be_written_is_told_when_it_opens(void **state)
{
    struct base_diagnostics diagnostics;
    char *missing = fixture_path(state, "no/such/folder.pcap");
    assert_int_equal(refused(*state, &diagnostics), -EISDIR);
    assert_int_equal(refused(missing, &diagnostics), -ENOENT);
    assert_non_null(strstr(diagnostics.items[0].message, missing));
    assert_int_equal(refused("/dev/full", &diagnostics), -ENOSPC);
    assert_int_equal(refused("", &diagnostics), -ENOENT);
    free(missing);
}

/* A file may grow to 1 MB only: as a disk that fills up in mid-run. */
static void when_the_disk_fills_up_whole_packets_stay_and_the_rest_is_counted(void **state)
{
    char *path = fixture_path(state, "a.pcap");
    struct rlimit limit, before;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 1000000;
    struct trace *capture = open_capture(path);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    append(capture, 0, 3000);
    struct trace_totals totals;
    struct base_diagnostics diagnostics = {0};
    int error = trace_finish(capture, "", &totals, &diagnostics);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(error, -EFBIG);
    assert_int_equal(diagnostics.error_count, 1);
    assert_int_equal(totals.rows + totals.left_out, 3000);
    uint64_t count = check_file(path, true);
    assert_true(count > 50 && count < 3000);
    free(path);
}

static void a_reader_that_goes_away_is_an_error_and_no_signal(void **state)
{
    char *path = fixture_path(state, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    struct trace *capture = open_capture(path);
    close(reader);
    append(capture, 0, 100);
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(trace_finish(capture, "", NULL, &diagnostics), -EPIPE);
    assert_int_equal(diagnostics.error_count, 1);
    free(path);
}

static void after_sigkill_the_file_holds_what_was_captured_a_second_ago(void **state)
{
    char *path = fixture_path(state, "a.pcap");
    pid_t child = fork();
    if (!child) {
        struct trace *capture = open_capture(path);
        append(capture, 0, 2000);
        for (int i = 0; i < 100; i++) { /* an idle loop: only turns */
            usleep(10000);
            trace_flush(capture);
        }
        append(capture, 2000, 5);
        raise(SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_true(check_file(path, true) >= 2000);
    free(path);
}

static void packets_are_kept_by_the_sink_in_memory_too(void **state)
{
    (void) state;
    struct trace_memory memory = {0};
    struct base_diagnostics diagnostics = {0};
    struct trace *trace = NULL;
    assert_int_equal(trace_open_sink(&trace, &trace_sink_memory, (struct trace_sink *) &memory, &(struct trace_options){0},
                                     &diagnostics), 0);
    append(trace, 0, 200);
    assert_int_equal(fixture_finish(trace).rows, 200);
    static uint8_t bytes[65536];
    for (uint64_t i = 0; i < 200; i++) {
        const struct trace_packet *kept = trace_memory_at(&memory, TRACE_TABLE_PACKET, i);
        struct trace_packet packet = packet_at(i, bytes);
        assert_int_equal(kept->length, packet.length);
        assert_memory_equal(kept->bytes, bytes, packet.length);
    }
    trace_memory_done(&memory);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(packets_of_any_length_come_back_whole_in_order_and_with_right_checksums),
        CASE(a_udp_checksum_that_comes_to_zero_is_written_as_ffff),
        CASE(an_empty_capture_is_a_capture),
        CASE(a_capture_or_an_empty_file_is_replaced_and_nothing_else),
        CASE(a_capture_that_is_being_written_is_not_replaced),
        CASE(what_cannot_be_written_is_told_when_it_opens),
        CASE(when_the_disk_fills_up_whole_packets_stay_and_the_rest_is_counted),
        CASE(a_reader_that_goes_away_is_an_error_and_no_signal),
        CASE(after_sigkill_the_file_holds_what_was_captured_a_second_ago),
        CASE(packets_are_kept_by_the_sink_in_memory_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
