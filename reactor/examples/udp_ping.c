/* A ping over UDP: what datagrams and a handler's timer are for.
 *
 *     udp_ping --answer PORT                                    sends back whatever comes (port 0: the system chooses)
 *     udp_ping PORT [--count N] [--interval-ms N] [--wait-ms N] [--address A]
 *                                                               sends, and prints each round trip's time
 *
 * One loop, one handler. Of the five events that reach a handler, the sender uses timed_out (another ping is due, or we
 * have waited long enough for the last answers); what comes in is told by `received`, refusals of the network by
 * `failed`. Answers may come late, twice, in another order, or never: a ping carries its number and the time it left, so
 * nothing about it needs to be kept but whether it was answered. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <reactor/datagram.h>
#include <reactor/handler.h>
#include <reactor/loop.h>

#define COUNT_MAX 65535u
#define NS_PER_MS UINT64_C(1000000)

/* On the wire, in this host's byte order: only its sender reads it. */
struct packet {
    uint64_t sent_at_ns; /* of the sender's loop */
    uint32_t number;     /* from 1 */
    uint32_t magic;      /* drawn for each run: an answer to somebody else's ping is not ours */
};

struct ping {
    struct reactor_datagrams datagrams; /* first: the handler's pointer is a pointer to all of it */
    struct reactor_handler signals;     /* Ctrl-C */
    uint64_t interval_ns, wait_ns; /* between pings; for answers after the last one */
    uint64_t least_ns, most_ns, sum_ns;
    uint32_t count, sent, answered, refused, magic;
    bool answers; /* --answer */
    bool seen[COUNT_MAX + 1];
};

/* ---- What the loop tells us ---- */

/* Sends the next ping. The timer is armed first: should it fail, nothing was sent that nobody would wait for. */
static void send_next(struct ping *ping)
{
    struct reactor_loop *loop = ping->datagrams.handler.loop;
    bool is_last = ping->sent + 1 >= ping->count;
    if (reactor_handler_timer_arm(&ping->datagrams.handler, is_last ? ping->wait_ns : ping->interval_ns) < 0) {
        reactor_loop_stop(loop);
        return;
    }
    struct packet packet = {reactor_loop_now(loop), ++ping->sent, ping->magic};
    /* It goes out when the turn ends. A refusal (no room) is a lost ping, which is what we are here to count. */
    if (reactor_datagrams_send(&ping->datagrams, NULL, &packet, sizeof(packet)) < 0)
        ping->refused++;
}

static void timed_out(struct reactor_handler *handler)
{
    struct ping *ping = (struct ping *) handler;
    if (ping->sent < ping->count)
        send_next(ping);
    else
        reactor_loop_stop(handler->loop);
}

static void count_round_trip(struct ping *ping, uint32_t number, uint64_t took_ns)
{
    printf("ping %u: %.3f ms\n", number, (double) took_ns / (double) NS_PER_MS);
    ping->seen[number] = true;
    ping->answered++;
    ping->sum_ns += took_ns;
    ping->most_ns = took_ns > ping->most_ns ? took_ns : ping->most_ns;
    ping->least_ns = took_ns < ping->least_ns ? took_ns : ping->least_ns;
}

/* A datagram has come. Its bytes and its sender's address are borrowed: only until we return. */
static void received(struct reactor_datagrams *datagrams, const struct sockaddr *from, const uint8_t *bytes, size_t length)
{
    struct ping *ping = (struct ping *) datagrams;
    struct packet packet;
    if (ping->answers) { /* all that were read in this turn go back in one system call */
        ping->answered++;
        if (reactor_datagrams_send(datagrams, from, bytes, length) < 0)
            ping->refused++;
        return;
    }
    if (length != sizeof(packet))
        return;
    memcpy(&packet, bytes, sizeof(packet)); /* (bytes may not be aligned) */
    if (packet.magic != ping->magic || packet.number < 1 || packet.number > ping->sent || ping->seen[packet.number])
        return;
    count_round_trip(ping, packet.number, reactor_loop_now(datagrams->handler.loop) - packet.sent_at_ns);
    if (ping->answered == ping->count)
        reactor_loop_stop(datagrams->handler.loop);
}

/* The network says no: mostly that nobody listens there. It ends nothing, the next ping may arrive. */
static void failed(struct reactor_datagrams *datagrams, const struct sockaddr *to, int error)
{
    (void) datagrams, (void) to;
    fprintf(stderr, "udp_ping: %s\n", strerror(error));
}

static const struct reactor_datagrams_ops ping_ops = {
    .handler = {.name = "ping", .timed_out = timed_out},
    .received = received,
    .failed = failed,
};

/* Ctrl-C ends the run in good order, with the figures so far. */
static void signal_arrived(struct reactor_handler *handler)
{
    reactor_loop_stop(handler->loop);
}

static const struct reactor_handler_ops signal_ops = {.name = "signals", .input_ready = signal_arrived};

/* ---- The program ---- */

/* The answerer binds the address, the sender connects to it: then it hears of refusals, and only of its own answers. */
static int open_socket(const struct ping *ping, struct sockaddr_in *address)
{
    socklen_t length = sizeof(*address);
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    int result = ping->answers ? bind(descriptor, (struct sockaddr *) address, length)
                               : connect(descriptor, (struct sockaddr *) address, length);
    if (result == 0 && ping->answers)
        result = getsockname(descriptor, (struct sockaddr *) address, &length);
    if (result == 0)
        return descriptor;
    result = -errno;
    close(descriptor);
    return result;
}

static int open_signals(struct ping *ping, struct reactor_loop *loop)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    ping->signals.ops = &signal_ops;
    ping->signals.descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (ping->signals.descriptor < 0)
        return -errno;
    return reactor_handler_attach(&ping->signals, loop, REACTOR_READ);
}

static int run(struct ping *ping, struct reactor_loop *loop, struct sockaddr_in *address)
{
    int status = open_signals(ping, loop);
    if (status < 0)
        return status;
    int descriptor = open_socket(ping, address);
    if (descriptor < 0)
        return descriptor;
    ping->datagrams.handler.ops = &ping_ops.handler;
    ping->datagrams.handler.descriptor = descriptor;
    status = reactor_datagrams_open(&ping->datagrams, loop, NULL);
    if (status < 0) {
        close(descriptor); /* an open that failed leaves it ours; from here on it is closed by the datagrams */
        return status;
    }
    if (ping->answers)
        printf("answering on port %u; Ctrl-C ends it\n", ntohs(address->sin_port));
    else
        send_next(ping);
    fflush(stdout);
    status = reactor_loop_run(loop, UINT64_MAX); /* until stopped */
    return status < 0 ? status : 0;
}

static void print_summary(const struct ping *ping)
{
    if (ping->answers) {
        printf("%u pings answered\n", ping->answered - ping->refused);
        return;
    }
    printf("%u sent, %u answered", ping->sent, ping->answered);
    if (ping->answered)
        printf("; round trip least %.3f, mean %.3f, most %.3f ms", (double) ping->least_ns / (double) NS_PER_MS,
               (double) ping->sum_ns / ping->answered / (double) NS_PER_MS, (double) ping->most_ns / (double) NS_PER_MS);
    printf("\n");
}

static int usage(void)
{
    fprintf(stderr, "udp_ping --answer PORT\n"
                    "udp_ping PORT [--count 1..%u] [--interval-ms N] [--wait-ms N] [--address A]\n", COUNT_MAX);
    return 2;
}

/* False: not understood. */
static bool read_arguments(struct ping *ping, struct sockaddr_in *address, int argc, char **argv)
{
    int at = 1;
    if (at < argc && strcmp(argv[at], "--answer") == 0) {
        ping->answers = true;
        at++;
    }
    if (at >= argc || argv[at][0] < '0' || argv[at][0] > '9')
        return false;
    address->sin_port = htons((uint16_t) strtoul(argv[at++], NULL, 10));
    for (; at + 1 < argc; at += 2) {
        if (strcmp(argv[at], "--count") == 0)
            ping->count = (uint32_t) strtoul(argv[at + 1], NULL, 10);
        else if (strcmp(argv[at], "--interval-ms") == 0)
            ping->interval_ns = strtoull(argv[at + 1], NULL, 10) * NS_PER_MS;
        else if (strcmp(argv[at], "--wait-ms") == 0)
            ping->wait_ns = strtoull(argv[at + 1], NULL, 10) * NS_PER_MS;
        else if (strcmp(argv[at], "--address") != 0 || inet_pton(AF_INET, argv[at + 1], &address->sin_addr) != 1)
            return false;
    }
    return at == argc && ping->count >= 1 && ping->count <= COUNT_MAX;
}

int main(int argc, char **argv)
{
    static struct ping ping = {
        .signals = {.descriptor = -1},
        .interval_ns = 200 * NS_PER_MS,
        .wait_ns = 1000 * NS_PER_MS,
        .least_ns = UINT64_MAX,
        .count = 5,
    };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (!read_arguments(&ping, &address, argc, argv))
        return usage();
    ping.magic = (uint32_t) getpid();
    struct reactor_loop *loop;
    int status = reactor_loop_create(&loop, NULL); /* all defaults: epoll, the real clock */
    if (status == 0) {
        status = run(&ping, loop, &address);
        reactor_loop_free(loop); /* detaches what is attached; the datagrams' descriptor is closed by that */
        print_summary(&ping);
    }
    if (ping.signals.descriptor >= 0)
        close(ping.signals.descriptor);
    if (status < 0)
        fprintf(stderr, "udp_ping: %s\n", strerror(-status));
    return status < 0 || (!ping.answers && ping.answered < ping.sent);
}
