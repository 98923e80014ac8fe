/* Transport localhost: the same overlays over the kernel's UDP, and strangers who join in. Ports 26881 and up. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "tests/contract/scenario_run.h"

#define SCENARIO(protocol, peers, port, seconds, action)                                                       \
    "name: local\nduration: " seconds "\nclock: real\ntransport: localhost\n"                                  \
    "addresses: {first: 127.9.1.1, stride: 3, port: " port "}\npeers: [{name: home, count: " peers "}]\n"        \
    "network: {latency: {uniform: [2 ms, 20 ms]}}\noverlay: {protocol: " protocol "}\nworkload: [" action "]\n"

static void assert_books_balance(const struct scenario_run *run)
{
    print_diagnostics(&run->diagnostics);
    assert_int_equal(run->result, 0);
    assert_true(scenario_figure(run, "messages.sent") ==
                scenario_figure(run, "messages.delivered") + scenario_figure(run, "messages.dropped") +
                    scenario_figure(run, "messages.in_flight"));
    assert_int_equal(summary_find(&run->summary, "digest")->type, FIGURE_NULL);
}

static void lookups_and_rumours_cross_the_kernel(void **state)
{
    (void) state;
    struct scenario_run run = scenario_run(
        SCENARIO("kademlia", "300", "26881", "4 s", "{lookup: {every: 1 s, stop: 3 s}}"), NULL, NULL);
    assert_books_balance(&run);
    assert_true(scenario_figure(&run, "lookups.issued") > 800);
    assert_true(scenario_figure(&run, "lookups.correct_ratio") > 0.99);
    assert_true(scenario_figure(&run, "drops.queue_full") == 0);
    scenario_run_done(&run);
    run = scenario_run(SCENARIO("epidemic, period: 100 ms", "200", "26882", "3 s", "{publish: {every: 1 s, count: 1}}"),
                       NULL, NULL);
    assert_books_balance(&run);
    assert_true(scenario_figure(&run, "broadcasts.delivery_ratio") == 1);
    scenario_run_done(&run);
}

/* A stranger's socket: what it sent and what it got back. */
struct stranger {
    pthread_t thread;
    int pongs, from_the_right_address;
};

static void *knock(void *context)
{
    struct stranger *stranger = context;
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = {.tv_usec = 200000};
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(26883)}, from;
    uint8_t ping[26] = {0xcb, 0, 0, 0, 0, 7, 0xab}, answer[64], garbage[512] = {0};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int round = 0; round < 10; round++) {
        socklen_t bytes = sizeof from;
        peer.sin_addr.s_addr = htonl(0x7f090101 + 3 * (uint32_t) round);
        sendto(descriptor, garbage, sizeof garbage, 0, (struct sockaddr *) &peer, sizeof peer);
        sendto(descriptor, ping, (size_t) round, 0, (struct sockaddr *) &peer, sizeof peer); /* cut short */
        sendto(descriptor, ping, sizeof ping, 0, (struct sockaddr *) &peer, sizeof peer);
        ssize_t got = recvfrom(descriptor, answer, sizeof answer, 0, (struct sockaddr *) &from, &bytes);
        bool pong = got == 26 && answer[0] == 0xcb && answer[1] == 1 && memcmp(answer + 2, ping + 2, 4) == 0;
        stranger->pongs += pong;
        stranger->from_the_right_address += pong && from.sin_addr.s_addr == peer.sin_addr.s_addr;
    }
    close(descriptor);
    return NULL;
}

static void *knock_later(void *context)
{
    usleep(500000);
    return knock(context);
}

static void a_stranger_is_answered_and_its_garbage_counted(void **state)
{
    (void) state;
    struct stranger stranger = {0};
    char path[64];
    trace_path(path);
    assert_int_equal(pthread_create(&stranger.thread, NULL, knock_later, &stranger), 0);
    struct scenario_run run = scenario_run(
        SCENARIO("kademlia", "20", "26883", "5 s", "{lookup: {every: 2 s}}") "trace: {record: [messages]}\n", NULL, path);
    pthread_join(stranger.thread, NULL);
    assert_books_balance(&run);
    assert_true(stranger.pongs >= 9);
    assert_int_equal(stranger.from_the_right_address, stranger.pongs);
    assert_true(scenario_figure(&run, "drops.malformed") >= 19);
    assert_true(trace_number(path, "select count(*) from message where source is null") >= stranger.pongs);
    assert_true(trace_number(path, "select count(*) from message where target is null") >= stranger.pongs);
    scenario_run_done(&run);
    unlink(path);
}

/* 60,000 datagrams at one instant, 70 MB of the kernel's memory with what it adds to each: the peers share one queue. */
static void a_burst_of_all_peers_does_not_overflow_the_queue_that_they_share(void **state)
{
    (void) state;
    struct scenario_run run = scenario_run(
        SCENARIO("epidemic, mode: push, fanout: 64", "3000", "26885", "6 s", "{publish: {every: 1 s, count: 1}}"),
        (const char *const[]){"network.latency={constant: 20 ms}", NULL}, NULL);
    assert_books_balance(&run);
    assert_true(scenario_figure(&run, "messages.sent") > 150000);
    assert_true(scenario_figure(&run, "messages.delivered") > 60000); /* a burst has crossed, however slow the machine is */
    assert_true(scenario_figure(&run, "messages.dropped") == 0);
    scenario_run_done(&run);
}

/* The scenario's last address is lo's broadcast address, to which a socket may not send unasked. */
static void what_the_kernel_will_not_send_has_no_route(void **state)
{
    (void) state;
    struct scenario_run run =
        scenario_run(SCENARIO("kademlia", "20", "26886", "1 s", "{lookup: {every: 200 ms}}"),
                     (const char *const[]){"addresses.first=127.255.255.236", "addresses.stride=1", NULL}, NULL);
    assert_books_balance(&run);
    assert_true(scenario_figure(&run, "drops.no_route") > 0);
    assert_true(scenario_figure(&run, "drops.queue_full") == 0);
    scenario_run_done(&run);
}

static void *flood(void *context)
{
    (void) context;
    usleep(200000);
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(26887), .sin_addr = {htonl(0x7f090101)}};
    static const uint8_t garbage[65000];
    for (int i = 0; i < 20000; i++)
        sendto(descriptor, garbage, sizeof garbage, 0, (struct sockaddr *) &peer, sizeof peer);
    close(descriptor);
    return NULL;
}

/* 1.3 GB as fast as memory is copied, while the loop also has peers to serve. */
static void a_flood_from_abroad_is_counted_whole(void **state)
{
    (void) state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
    struct scenario_run run =
        scenario_run(SCENARIO("kademlia", "100", "26887", "4 s", "{lookup: {every: 20 ms}}"), NULL, NULL);
    pthread_join(thread, NULL);
    assert_books_balance(&run);
    assert_true(scenario_figure(&run, "drops.malformed") + scenario_figure(&run, "drops.queue_full") >= 20000);
    scenario_run_done(&run);
}

static void a_port_that_is_taken_and_an_address_that_is_not_ours_are_the_machines_fault(void **state)
{
    (void) state;
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(26884)};
    assert_int_equal(bind(descriptor, (struct sockaddr *) &any, sizeof any), 0);
    const char *taken = SCENARIO("kademlia", "5", "26884", "1 s", "{lookup: {every: 2 s}}");
    struct scenario_run run = scenario_run(taken, NULL, NULL);
    assert_int_equal(run.result, -98);
    assert_non_null(strstr(run.diagnostics.items[0].hint, "addresses.port"));
    run = scenario_run(taken, (const char *const[]){"addresses.first=192.0.2.1", NULL}, NULL);
    assert_true(run.result < 0);
    assert_non_null(strstr(run.diagnostics.items[0].message, "192.0.2.1"));
    run = scenario_run(taken, (const char *const[]){"clock=virtual", NULL}, NULL);
    assert_int_equal(run.result, -22);
    close(descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_and_rumours_cross_the_kernel),
        cmocka_unit_test(a_stranger_is_answered_and_its_garbage_counted),
        cmocka_unit_test(a_burst_of_all_peers_does_not_overflow_the_queue_that_they_share),
        cmocka_unit_test(what_the_kernel_will_not_send_has_no_route),
        cmocka_unit_test(a_flood_from_abroad_is_counted_whole),
        cmocka_unit_test(a_port_that_is_taken_and_an_address_that_is_not_ours_are_the_machines_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
