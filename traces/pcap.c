/* The capture file: libpcap's format with nanosecond stamps, LINKTYPE_RAW (each packet begins with its IP header).
 *
 *     offset  octets  field                                        numbers of the file's own headers: this machine's order
 *     0       4       0xa1b23c4d: stamps have nanoseconds
 *     4       2, 2    version 2, 4
 *     8       8       0
 *     16      4       65535: the longest packet
 *     20      4       101: LINKTYPE_RAW
 *   then, for each packet:
 *     0       4, 4    seconds since 1970 and nanoseconds of its arrival; virtual time begins at 2000-01-01T00:00:00Z
 *     8       4, 4    its length, twice: packets are whole
 *     16      20      IPv4 header: no options, one piece however long, TTL 64, protocol 17; addresses of the two peers;
 *                     identification: low 16 bits of the event's seq at its receiver (the trace's message.target_seq)
 *     36      8       UDP header: ports of the two peers
 *     44      n       what the overlay sent
 *
 * All of it is libpcap's to write; the IPv4 and UDP headers (RFC 791, RFC 768) are made here, their checksums right. The
 * file is written in pieces that end where a packet ends: a reader at any instant, or after SIGKILL, misses whole packets
 * only, at most half a second of them. After an error it is cut back to such an end. */
#include "traces/pcap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pcap/pcap.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "traces/sinks/sink.h"

#define FILE_HEADER_BYTES 24
#define PACKET_HEADER_BYTES 16
#define PACKET_BYTES_MAX 65535
/* Four packets of the greatest length, or some 2,000 usual ones: a write costs little beside them. */
#define BUFFER_BYTES (4u * (PACKET_BYTES_MAX + 1))
#define TTL 64

struct heads {
    struct iphdr ip;
    struct udphdr udp;
};
_Static_assert(sizeof(struct heads) + TRACE_PACKET_LENGTH_MAX == PACKET_BYTES_MAX, "the longest payload just fits");

struct capture {
    pcap_t *format;
    pcap_dumper_t *dumper;
    FILE *file;
    bool regular;
    size_t buffered_bytes;             /* behind whole_bytes, not in the file yet */
    atomic_uint_least64_t whole_bytes; /* in the file, up to the end of a packet */
    uint8_t packet[PACKET_BYTES_MAX + 1];
    char buffer[BUFFER_BYTES];
    char path[];
};

/* RFC 1071: the order of octets does not matter to the sum, nor does how wide its words are. */
static uint64_t sum_of(uint64_t sum, const void *octets, size_t length)
{
    const uint8_t *at = octets;
    uint32_t word;
    for (; length >= sizeof word; length -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum += word;
    }
    word = 0;
    memcpy(&word, at, length);
    return sum + word;
}

static uint16_t checksum_of(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~sum;
}

static void write_heads(uint8_t *to, const struct trace_packet *packet)
{
    uint16_t udp_length = (uint16_t) (sizeof(struct udphdr) + packet->length);
    struct heads heads = {
        .ip = {.version = 4, .ihl = sizeof heads.ip / 4, .tot_len = htons((uint16_t) (sizeof heads.ip + udp_length)),
               .id = htons(packet->id), .ttl = TTL, .protocol = IPPROTO_UDP},
        .udp = {.len = htons(udp_length)},
    };
    memcpy(&heads.ip.saddr, packet->source, 4);
    memcpy(&heads.ip.daddr, packet->target, 4);
    memcpy(&heads.udp.source, packet->source + 4, 2);
    memcpy(&heads.udp.dest, packet->target + 4, 2);
    heads.ip.check = checksum_of(sum_of(0, &heads.ip, sizeof heads.ip));
    /* The pseudo-header: addresses, protocol, length. */
    uint64_t sum = (uint64_t) heads.ip.saddr + heads.ip.daddr + htons(IPPROTO_UDP) + heads.udp.len;
    sum = sum_of(sum, &heads.udp, sizeof heads.udp);
    uint16_t check = checksum_of(sum_of(sum, packet->bytes, packet->length));
    heads.udp.check = check ? check : 0xffff; /* 0 says that there is none */
    memcpy(to, &heads, sizeof heads);
}

static int flush(struct capture *capture)
{
    if (!capture->buffered_bytes)
        return 0;
    if (pcap_dump_flush(capture->dumper) < 0)
        return errno ? -errno : -EIO;
    atomic_fetch_add_explicit(&capture->whole_bytes, capture->buffered_bytes, memory_order_relaxed);
    capture->buffered_bytes = 0;
    return 0;
}

static int write_packet(struct capture *capture, const struct trace_packet *packet)
{
    uint32_t length = (uint32_t) sizeof(struct heads) + packet->length;
    int error = 0;
    if (capture->buffered_bytes + PACKET_HEADER_BYTES + length > BUFFER_BYTES)
        error = flush(capture);
    if (error)
        return error;
    write_heads(capture->packet, packet);
    memcpy(capture->packet + sizeof(struct heads), packet->bytes, packet->length);
    struct pcap_pkthdr header = {
        .ts = {.tv_sec = (time_t) (packet->at_ns / 1000000000u), .tv_usec = (suseconds_t) (packet->at_ns % 1000000000u)},
        .caplen = length, .len = length};
    pcap_dump((u_char *) capture->dumper, &header, capture->packet);
    capture->buffered_bytes += PACKET_HEADER_BYTES + length;
    return 0;
}

/* ---- as a sink ---- */

static int capture_write(struct trace_sink *sink, const struct trace_batch *batch)
{
    const struct trace_packet *packets = (const void *) batch->bytes;
    int error = 0;
    for (uint32_t i = 0; i < batch->count && !error; i++)
        error = write_packet((struct capture *) sink, &packets[i]);
    return error;
}

static int capture_commit(struct trace_sink *sink)
{
    return flush((struct capture *) sink);
}

/* What the file may hold of a packet cut in two is taken away, and nothing of it is tried again. */
static void cut_back(struct capture *capture)
{
    __fpurge(capture->file);
    off_t whole_bytes = (off_t) atomic_load(&capture->whole_bytes);
    if (capture->regular && ftruncate(fileno(capture->file), whole_bytes) < 0)
        return; /* the reader copes with half a packet at the end: it says so and shows the others */
}

static int capture_finish(struct trace_sink *sink, const char *status, int error, uint64_t *bytes,
                          struct base_diagnostics *diagnostics)
{
    (void) status;
    struct capture *capture = (struct capture *) sink;
    if (error) {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "the capture %s is not whole: %s",
                      capture->path, strerror(-error));
        cut_back(capture);
    }
    *bytes = atomic_load(&capture->whole_bytes);
    pcap_dump_close(capture->dumper);
    pcap_close(capture->format);
    free(capture);
    return error;
}

static uint64_t capture_bytes(const struct trace_sink *sink)
{
    return atomic_load_explicit(&((const struct capture *) sink)->whole_bytes, memory_order_relaxed);
}

/* ---- opening ---- */

/* -EBUSY: another run writes it. Where a file system has no such locks, there are none. */
static int lock(int file)
{
    return flock(file, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EBUSY : 0;
}

/* What is there is replaced when it is a capture, or empty (nothing is lost with it, and `mktemp` makes such). */
static int clear(int file, const char *path)
{
    struct stat status;
    char text[PCAP_ERRBUF_SIZE];
    int error = fstat(file, &status) < 0 ? -errno : lock(file);
    if (error)
        return error;
    pcap_t *found = status.st_size ? pcap_open_offline(path, text) : NULL;
    if (found)
        pcap_close(found);
    else if (status.st_size)
        return access(path, R_OK) < 0 ? -errno : -EEXIST;
    return ftruncate(file, 0) < 0 ? -errno : 0;
}

/* The descriptor or -errno; made: there was nothing before. A regular file is locked until it is closed. */
static int open_path(const char *path, bool *made)
{
    struct stat status;
    *made = stat(path, &status) < 0 && errno == ENOENT;
    /* O_EXCL: what came to be here meanwhile is not ours to overwrite. */
    int file = open(path, O_WRONLY | O_CLOEXEC | (*made ? O_CREAT | O_EXCL : 0), 0666);
    if (file < 0)
        return -errno;
    int error = *made ? lock(file) : S_ISREG(status.st_mode) ? clear(file, path) : 0;
    if (!error)
        return file;
    close(file);
    return error;
}

/* The file's header goes out at once: a reader that follows finds a capture, and a full disk is told before the run. */
static int begin(struct capture *capture)
{
    /* Only the writer touches the stream. */
    __fsetlocking(capture->file, FSETLOCKING_BYCALLER);
    setvbuf(capture->file, capture->buffer, _IOFBF, sizeof capture->buffer);
    capture->format = pcap_open_dead_with_tstamp_precision(DLT_RAW, PACKET_BYTES_MAX, PCAP_TSTAMP_PRECISION_NANO);
    if (!capture->format) {
        fclose(capture->file);
        return -ENOMEM;
    }
    capture->dumper = pcap_dump_fopen(capture->format, capture->file);
    if (!capture->dumper) { /* which closed the file */
        pcap_close(capture->format);
        return -ENOMEM;
    }
    capture->buffered_bytes = FILE_HEADER_BYTES;
    int error = flush(capture);
    if (error) {
        __fpurge(capture->file);
        pcap_dump_close(capture->dumper);
        pcap_close(capture->format);
    }
    return error;
}

static int open_capture(struct capture *capture, bool *made)
{
    struct stat status;
    int file = open_path(capture->path, made);
    if (file < 0) {
        *made = false;
        return file;
    }
    capture->regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    capture->file = fdopen(file, "wb");
    if (!capture->file) {
        int error = -errno;
        close(file);
        return error;
    }
    return begin(capture);
}

static int capture_open(struct trace_sink **sink, const struct trace_options *options,
                        struct base_diagnostics *diagnostics)
{
    struct base_place nowhere = {0};
    struct capture *capture = calloc(1, sizeof *capture + strlen(options->path) + 1);
    bool made = false;
    int error = -ENOMEM;
    if (capture) {
        strcpy(capture->path, options->path);
        error = open_capture(capture, &made);
    }
    *sink = (struct trace_sink *) capture;
    if (!error)
        return 0;
    if (error == -EEXIST)
        base_diagnose(diagnostics, BASE_ERROR, nowhere, "name another file, or remove this one yourself",
                      "%s exists and is not a capture", options->path);
    else if (error == -EBUSY)
        base_diagnose(diagnostics, BASE_ERROR, nowhere, "name another file, or wait until that run has ended",
                      "%s is being written by another run", options->path);
    else
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "cannot make the capture %s: %s", options->path,
                      strerror(-error));
    if (made)
        unlink(options->path);
    free(capture);
    return error;
}

static const struct trace_sink_ops sink_pcap = {
    .name = "pcap",
    .open = capture_open,
    .write = capture_write,
    .commit = capture_commit,
    .finish = capture_finish,
    .bytes = capture_bytes,
};

int trace_open_pcap(struct trace **capture, const struct trace_pcap_options *options,
                    struct base_diagnostics *diagnostics)
{
    struct trace_options generic = {.path = options->path, .may_leave_out = options->may_leave_out};
    return trace_open_sink(capture, &sink_pcap, NULL, &generic, diagnostics);
}
