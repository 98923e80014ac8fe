/* How fast a capture is written, beside libpcap alone, in pairs that take turns:
 *
 *   capture  trace_packet -> batches -> writer thread (headers, checksums) -> libpcap -> a closed file
 *   plain    pcap_dump of finished packets of the same lengths, without headers to make or threads to cross: the limit
 *   append   what capturing costs the simulating thread alone, out of the first
 *
 * Packets a second of CPU of the whole process; medians over the pairs, and the quartiles of capture / plain.
 *
 * pcap [THOUSANDS [PAIRS [DIRECTORY]]]; prints JSON; exits with 1 below 2 M packets a second of CPU. */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "traces/pcap.h"

#define HEADS_BYTES 28
#define PAIRS_MAX 1000

static double cpu_s(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "pcap: %s\n", what);
    exit(1);
}

/* Kademlia's: pings and pongs, requests, answers with 20 contacts. */
static uint32_t length_of(uint32_t i)
{
    static const uint32_t lengths[] = {26, 46, 548, 46, 548, 26, 46, 46};
    return lengths[i % (sizeof lengths / sizeof *lengths)];
}

static uint8_t bytes[HEADS_BYTES + 1024];

/* Seconds of CPU for all; *append_s: the appending thread's while it appended. */
static double run_capture(const char *path, uint32_t count, double *append_s)
{
    static struct base_diagnostics diagnostics;
    struct trace *capture;
    double start_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID), thread_s = cpu_s(CLOCK_THREAD_CPUTIME_ID);
    if (trace_open_pcap(&capture, &(struct trace_pcap_options){.path = path}, &diagnostics) < 0)
        fail(diagnostics.items[0].message);
    struct trace_packet packet = {.bytes = bytes, .source = {127, 1, 1, 1, 26, 225}, .target = {127, 1, 1, 2, 26, 225}};
    for (uint32_t i = 0; i < count; i++) {
        packet.at_ns = TRACE_PCAP_EPOCH_NS + i * 1000u;
        packet.length = length_of(i);
        packet.id = (uint16_t) i;
        trace_packet(capture, &packet);
    }
    *append_s = cpu_s(CLOCK_THREAD_CPUTIME_ID) - thread_s;
    if (trace_finish(capture, "", NULL, &diagnostics) < 0)
        fail(diagnostics.items[0].message);
    return cpu_s(CLOCK_PROCESS_CPUTIME_ID) - start_s;
}

static double run_plain(const char *path, uint32_t count)
{
    double start_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    pcap_t *format = pcap_open_dead_with_tstamp_precision(DLT_RAW, 65535, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *dumper = format ? pcap_dump_open(format, path) : NULL;
    if (!dumper)
        fail(path);
    for (uint32_t i = 0; i < count; i++) {
        struct pcap_pkthdr header = {.ts = {.tv_sec = 946684800, .tv_usec = i}, .caplen = HEADS_BYTES + length_of(i),
                                     .len = HEADS_BYTES + length_of(i)};
        pcap_dump((u_char *) dumper, &header, bytes);
    }
    if (pcap_dump_flush(dumper) < 0)
        fail(path);
    pcap_dump_close(dumper);
    pcap_close(format);
    return cpu_s(CLOCK_PROCESS_CPUTIME_ID) - start_s;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static double quantile(double *values, uint32_t count, double part)
{
    qsort(values, count, sizeof *values, compare);
    return values[(uint32_t) (part * (count - 1) + .5)];
}

int main(int argc, char **argv)
{
    uint32_t count = 1000u * (uint32_t) (argc > 1 ? atoi(argv[1]) : 500);
    uint32_t pairs = argc > 2 ? (uint32_t) atoi(argv[2]) : 15;
    static double captures[PAIRS_MAX], plains[PAIRS_MAX], ratios[PAIRS_MAX], appends[PAIRS_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/bench.pcap", argc > 3 ? argv[3] : ".");
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * 37);
    if (!count || !pairs || pairs > PAIRS_MAX)
        fail("THOUSANDS and PAIRS are numbers from 1 on");
    for (uint32_t i = 0; i < pairs; i++) {
        double append_s, plain_s = i % 2 ? run_plain(path, count) : 0;
        double capture_s = run_capture(path, count, &append_s);
        plain_s = i % 2 ? plain_s : run_plain(path, count);
        captures[i] = count / capture_s;
        plains[i] = count / plain_s;
        ratios[i] = plain_s / capture_s;
        appends[i] = append_s / count * 1e9;
    }
    unlink(path);
    double capture = quantile(captures, pairs, .5);
    printf("{\"packets\": %u, \"pairs\": %u, \"capture_packets_per_cpu_s\": %.0f, \"plain_packets_per_cpu_s\": %.0f,\n"
           " \"capture_of_plain\": %.3f, \"capture_of_plain_p25\": %.3f, \"capture_of_plain_p75\": %.3f,\n"
           " \"append_ns\": %.1f}\n",
           count, pairs, capture, quantile(plains, pairs, .5), quantile(ratios, pairs, .5),
           quantile(ratios, pairs, .25), quantile(ratios, pairs, .75), quantile(appends, pairs, .5));
    return capture < 2e6;
}
