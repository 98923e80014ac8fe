/* One scenario, run again for each way in which a system call of it can fail: nothing may leak, spin or hang, nobody is
 * called after the end, and what arrives is what was sent, as far as it came. */
#include "tests/reactor/service.h"

#include <stdio.h>

#include "reactor/datagram.h"
#include "reactor/listener.h"
#include "reactor/offload.h"
#include "tests/reactor/faults.h"

#define CLIENTS 20
#define SILENT 18  /* this client sends nothing: both ends idle */
#define LONELY 19  /* this one's port has no listener */
#define ENDPOINTS (2 * CLIENTS)
#define DATAGRAMS 10
#define MILLISECOND UINT64_C(1000000)
#define LOSS (15 * MILLISECOND) /* after so long what may have been lost is no longer waited for */
#define NEVER (3600000 * MILLISECOND)

struct scenario;

struct endpoint {
    struct reactor_stream stream; /* first */
    struct scenario *scenario;
    uint32_t number, sent, received;
    int reason;
    bool is_client, is_open, is_over;
};

/* A datagram socket. */
struct mailbox {
    struct reactor_datagrams datagrams; /* first */
    struct scenario *scenario;
    uint32_t received, over;
    int error; /* the first that it was told of */
};

struct scenario {
    struct reactor_listener listener; /* first */
    struct mailbox echo;  /* sends to itself */
    struct mailbox stray; /* sends to a port that nobody hears at */
    const char *demultiplexer;
    struct reactor_loop *loop;
    struct reactor_offload *pool;
    struct endpoint endpoints[ENDPOINTS];
    uint64_t idle_timeout_ns;
    uint32_t datagrams_due; /* are waited for */
    uint32_t endpoint_count, open_count, jobs_due, jobs_done, listener_over;
    int unheard; /* the socket that keeps the port which nobody hears at, or -1 */
    int result;  /* of the run */
    bool begun, pool_stops;
};

/* A parameterised run: what fails, where. */
struct fault {
    enum fault_call call;
    int error;
    unsigned times;
    bool is_harmless; /* everything arrives nevertheless */
};

#define HARMS(call, error, times) {CALL_##call, error, times, false}
#define PASSES(call, error, times) {CALL_##call, error, times, true}

static uint8_t octet(uint32_t client, uint32_t place)
{
    return (uint8_t) (client * 17 + place * 31 + (place >> 8));
}

static int pause_job(void *context);
static void on_job_done(void *context, int result);

static bool submit(struct scenario *scenario, reactor_offload_work *work)
{
    bool taken = scenario->pool && !scenario->pool_stops &&
                 reactor_offload_submit(scenario->pool, scenario->loop, work, on_job_done, scenario) > 0;
    scenario->jobs_due += taken;
    return taken;
}

/* What the network or the kernel says of a datagram always comes, where it can be learnt of. */
static bool awaits_answer(const struct mailbox *stray)
{
    return stray->datagrams.handler.loop && stray->datagrams.errors_queued && stray->error == 0;
}

/* The loop has slept and a thread has woken it. */
static bool was_woken(const struct scenario *scenario)
{
    return fault_count(CALL_READ) > 0 &&
           (strcmp(scenario->demultiplexer, "epoll") != 0 || fault_count(CALL_EPOLL_PWAIT2) > 0);
}

/* At the end nothing keeps the loop from sleeping while a job dozes: again, should it have been awake all the same. */
static void look_whether_over(struct scenario *scenario)
{
    if (scenario->begun && scenario->open_count == 0 && scenario->jobs_due == scenario->jobs_done &&
        scenario->echo.received >= scenario->datagrams_due && !awaits_answer(&scenario->stray) &&
        (was_woken(scenario) || !submit(scenario, pause_job)))
        reactor_loop_stop(scenario->loop);
}

static struct endpoint *called(struct reactor_handler *handler)
{
    struct endpoint *endpoint = (struct endpoint *) (void *) handler;
    assert_true(endpoint->is_open);
    assert_false(endpoint->is_over);
    return endpoint;
}

static void client_input(struct endpoint *client, const uint8_t *bytes, size_t length)
{
    assert_true(client->received + length <= client->sent);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes[i], octet(client->number, client->received + (uint32_t) i));
    client->received += (uint32_t) length;
}

static void on_input(struct reactor_handler *handler)
{
    struct endpoint *endpoint = called(handler);
    size_t length;
    const uint8_t *bytes = reactor_stream_input(&endpoint->stream, &length);
    if (endpoint->is_client)
        client_input(endpoint, bytes, length);
    else if (length && reactor_stream_write(&endpoint->stream, bytes, length) < 0)
        reactor_stream_fail(&endpoint->stream, -EPROTO); /* no memory: an echo with a hole would be wrong */
    reactor_stream_consume(&endpoint->stream, length);
}

static void on_connected(struct reactor_handler *handler)
{
    struct endpoint *client = called(handler);
    uint8_t bytes[100 + 397 * CLIENTS];
    uint32_t length = 100 + 397 * client->number;
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = octet(client->number, i);
    if (client->number == SILENT)
        return;
    if (reactor_stream_write(&client->stream, bytes, length) >= 0)
        client->sent = length;
    reactor_stream_shutdown(&client->stream);
}

static void on_disconnected(struct reactor_handler *handler, int reason)
{
    struct endpoint *endpoint = called(handler);
    assert_int_equal(handler->descriptor, -1);
    endpoint->is_over = true;
    endpoint->reason = reason;
    endpoint->scenario->open_count--;
    look_whether_over(endpoint->scenario);
}

static void on_call(struct reactor_handler *handler)
{
    (void) called(handler);
}

static const struct reactor_handler_ops endpoint_ops = {
    .name = "endpoint", .connected = on_connected, .input_ready = on_input, .output_ready = on_call,
    .timed_out = on_call, .disconnected = on_disconnected,
};

static struct endpoint *open_endpoint(struct scenario *scenario, int descriptor, bool is_client, uint32_t number)
{
    assert_true(scenario->endpoint_count < ENDPOINTS);
    struct endpoint *endpoint = &scenario->endpoints[scenario->endpoint_count++];
    *endpoint = (struct endpoint){.scenario = scenario, .number = number, .is_client = is_client, .is_open = true};
    endpoint->stream.handler.ops = &endpoint_ops;
    endpoint->stream.handler.descriptor = descriptor;
    const struct reactor_stream_options options = {
        .connecting = is_client,
        .connect_timeout_ns = 2 * scenario->idle_timeout_ns,
        .idle_timeout_ns = is_client && number == SILENT ? 3 * MILLISECOND : scenario->idle_timeout_ns,
        .listener = is_client ? NULL : &scenario->listener,
    };
    if (reactor_stream_open(&endpoint->stream, scenario->loop, &options) < 0) {
        close(descriptor);
        endpoint->is_open = false;
        return NULL;
    }
    scenario->open_count++;
    return endpoint;
}

static void on_accepted(struct reactor_listener *listener, int descriptor)
{
    struct scenario *scenario = (struct scenario *) (void *) listener;
    if (!open_endpoint(scenario, descriptor, false, 0))
        reactor_listener_release(listener);
    look_whether_over(scenario);
}

static void on_listener_over(struct reactor_handler *handler, int reason)
{
    struct scenario *scenario = (struct scenario *) (void *) handler;
    (void) reason;
    assert_int_equal(scenario->listener_over++, 0);
}

static const struct reactor_handler_ops listener_ops = {.name = "listener", .disconnected = on_listener_over};

static struct mailbox *mailbox_of(struct reactor_datagrams *datagrams)
{
    struct mailbox *mailbox = (struct mailbox *) (void *) datagrams;
    assert_int_equal(mailbox->over, 0);
    return mailbox;
}

static void on_datagram(struct reactor_datagrams *datagrams, const struct sockaddr *from, const uint8_t *bytes,
                        size_t length)
{
    struct mailbox *mailbox = mailbox_of(datagrams);
    assert_non_null(from);
    assert_int_equal(length, 100);
    for (uint32_t i = 1; i < length; i++)
        assert_int_equal(bytes[i], octet(bytes[0], i));
    assert_true(++mailbox->received <= DATAGRAMS);
    look_whether_over(mailbox->scenario);
}

static void on_datagram_failed(struct reactor_datagrams *datagrams, const struct sockaddr *to, int error)
{
    struct mailbox *mailbox = mailbox_of(datagrams);
    (void) to;
    assert_true(error > 0);
    if (mailbox->error == 0)
        mailbox->error = error;
    look_whether_over(mailbox->scenario);
}

static void on_mailbox_over(struct reactor_handler *handler, int reason)
{
    struct mailbox *mailbox = mailbox_of((struct reactor_datagrams *) (void *) handler);
    (void) reason;
    mailbox->over++;
    look_whether_over(mailbox->scenario);
}

static const struct reactor_datagrams_ops mailbox_ops = {
    .handler = {.name = "mailbox", .disconnected = on_mailbox_over},
    .received = on_datagram,
    .failed = on_datagram_failed,
};

static struct sockaddr_in address_of(int descriptor)
{
    struct sockaddr_in address = {0};
    socklen_t bytes = sizeof address;
    assert_int_equal(getsockname(descriptor, (struct sockaddr *) &address, &bytes), 0);
    return address;
}

static void open_mailbox(struct mailbox *mailbox, struct scenario *scenario)
{
    struct sockaddr_in address = loopback();
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return;
    mailbox->scenario = scenario;
    mailbox->datagrams.handler.ops = &mailbox_ops.handler;
    mailbox->datagrams.handler.descriptor = descriptor;
    if (bind(descriptor, (const struct sockaddr *) &address, sizeof address) < 0 ||
        reactor_datagrams_open(&mailbox->datagrams, scenario->loop, NULL) < 0)
        close(descriptor);
}

static void send_datagrams(struct mailbox *mailbox, struct sockaddr_in to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[100] = {(uint8_t) i};
        for (uint32_t place = 1; place < sizeof bytes; place++)
            bytes[place] = octet(i, place);
        int result = reactor_datagrams_send(&mailbox->datagrams, (const struct sockaddr *) &to, bytes, sizeof bytes);
        if (result < 0)
            mailbox->error = -result;
    }
}

static void open_echo(struct scenario *scenario)
{
    open_mailbox(&scenario->echo, scenario);
    if (scenario->echo.datagrams.handler.loop)
        send_datagrams(&scenario->echo, address_of(scenario->echo.datagrams.handler.descriptor), DATAGRAMS);
}

/* A socket that hears nobody else, for it is connected to itself, and keeps the port from others. */
static int take_unheard_port(struct sockaddr_in *address)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *address = loopback();
    if (descriptor < 0)
        return descriptor;
    if (bind(descriptor, (const struct sockaddr *) address, sizeof *address) == 0) {
        *address = address_of(descriptor);
        if (connect(descriptor, (const struct sockaddr *) address, sizeof *address) == 0)
            return descriptor;
    }
    close(descriptor);
    return -1;
}

/* Alone on a socket, so that nothing but the network's answer makes it ready. */
static void open_stray(struct scenario *scenario)
{
    struct sockaddr_in address;
    scenario->unheard = take_unheard_port(&address);
    if (scenario->unheard < 0)
        return;
    open_mailbox(&scenario->stray, scenario);
    if (scenario->stray.datagrams.handler.loop)
        send_datagrams(&scenario->stray, address, 1);
}

static int job(void *context)
{
    (void) context;
    return 42;
}

static int pause_job(void *context)
{
    doze();
    return job(context);
}

static void on_job_done(void *context, int result)
{
    struct scenario *scenario = context;
    assert_true(result == 42 || (result == -ECANCELED && scenario->pool_stops));
    scenario->jobs_done++;
    look_whether_over(scenario);
}

static void open_client(struct scenario *scenario, const struct sockaddr_in *address, uint32_t number)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return;
    if (connect(descriptor, (const struct sockaddr *) address, sizeof *address) < 0 && errno != EINPROGRESS)
        close(descriptor);
    else
        (void) open_endpoint(scenario, descriptor, true, number);
}

/* The port of a socket that does not listen, which keeps it from others. */
static int reserve_port(struct sockaddr_in *address)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = loopback();
    if (descriptor >= 0 && bind(descriptor, (const struct sockaddr *) address, sizeof *address) == 0)
        *address = address_of(descriptor);
    return descriptor;
}

static void open_clients(struct scenario *scenario)
{
    const struct reactor_listener_options options = {.retry_ns = 2 * MILLISECOND};
    struct sockaddr_in address = loopback(), deserted;
    int listening = reactor_listen((const struct sockaddr *) &address, sizeof address, 64, false);
    if (listening < 0)
        return;
    address = address_of(listening);
    int reserved = reserve_port(&deserted);
    scenario->listener.handler.ops = &listener_ops;
    scenario->listener.handler.descriptor = listening;
    scenario->listener.accepted = on_accepted;
    if (reactor_listener_open(&scenario->listener, scenario->loop, &options) < 0)
        close(listening);
    else
        for (uint32_t i = 0; i < CLIENTS; i++)
            open_client(scenario, i == LONELY ? &deserted : &address, i);
    if (reserved >= 0)
        close(reserved);
}

/* To its end. In vain three times: however long the machine stood still, it was no longer than one of them. */
static int run_on(struct reactor_loop *loop)
{
    int result = REACTOR_REACHED;
    for (unsigned tries = 0; tries < 3 && result == REACTOR_REACHED; tries++)
        result = reactor_loop_run(loop, reactor_loop_now(loop) + 5000 * MILLISECOND);
    return result;
}

static void play(struct scenario *scenario)
{
    open_echo(scenario);
    open_clients(scenario);
    open_stray(scenario);
    (void) submit(scenario, job);
    scenario->begun = true;
    look_whether_over(scenario);
    scenario->result = run_on(scenario->loop);
}

static void check_over(const struct scenario *scenario)
{
    assert_int_equal(scenario->open_count, 0);
    assert_int_equal(scenario->jobs_due, scenario->jobs_done);
    for (uint32_t i = 0; i < scenario->endpoint_count; i++)
        assert_int_equal(scenario->endpoints[i].is_over, scenario->endpoints[i].is_open);
}

/* The whole life of a loop, begun with the fault armed. */
static void live(struct scenario *scenario, const char *demultiplexer, bool arrives)
{
    *scenario = (struct scenario){.demultiplexer = demultiplexer,
                                  .idle_timeout_ns = arrives ? NEVER : LOSS,
                                  .datagrams_due = arrives ? DATAGRAMS : 0, .unheard = -1};
    const struct reactor_loop_options options = {.demultiplexer = demultiplexer};
    scenario->result = reactor_loop_create(&scenario->loop, &options);
    if (scenario->result < 0) {
        assert_null(scenario->loop);
        return;
    }
    if (reactor_offload_create(&scenario->pool, NULL) < 0)
        scenario->pool = NULL;
    play(scenario);
    scenario->pool_stops = true;
    reactor_offload_free(scenario->pool);
    reactor_loop_free(scenario->loop);
    if (scenario->unheard >= 0)
        close(scenario->unheard);
    fault_disarm();
    check_over(scenario);
}

static uint64_t processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* What may come at most of: waits (62 were seen), failures (200, of a storm of so many) and processor time (10 ms). Who
 * spins for the time of the time-outs has thousands of either. */
#define WAITS_MAX 500u
#define STRUCK_MAX 500u
#define PROCESSOR_NS_MAX (1000 * MILLISECOND)

struct before {
    int descriptors;
    int64_t held;
    uint64_t processor_ns;
};

static struct before look_before(void)
{
    return (struct before){count_descriptors(), fault_held(), processor_ns()};
}

static bool has_ended_well(const struct endpoint *endpoint)
{
    if (!endpoint->is_client)
        return true;
    if (endpoint->number == LONELY)
        return endpoint->reason == -ECONNREFUSED;
    if (endpoint->number == SILENT)
        return endpoint->reason == -ETIMEDOUT;
    return endpoint->reason == REACTOR_ENDED && endpoint->received == 100 + 397 * endpoint->number;
}

static bool all_has_arrived(const struct scenario *scenario)
{
    bool well = scenario->endpoint_count == ENDPOINTS - 1 && scenario->echo.received == DATAGRAMS &&
                scenario->stray.error == ECONNREFUSED && scenario->jobs_done >= 1;
    for (uint32_t i = 0; i < scenario->endpoint_count; i++)
        well = well && has_ended_well(&scenario->endpoints[i]);
    return well;
}

static void check_run(const struct scenario *scenario, const struct before *before, const char *demultiplexer,
                      const struct fault *fault, unsigned first)
{
    int64_t descriptors = count_descriptors() - before->descriptors, held = fault_held() - before->held;
    uint64_t took_ns = processor_ns() - before->processor_ns;
    const char *trouble = scenario->result == REACTOR_REACHED ? "hung" :
                          descriptors ? "descriptors leak" :
                          held ? "memory leaks" :
                          fault_waits() > WAITS_MAX || fault_struck() > STRUCK_MAX ? "spun" :
                          took_ns > PROCESSOR_NS_MAX ? "took long" :
                          fault->is_harmless && !all_has_arrived(scenario) ? "not all arrives" : NULL;
    if (trouble)
        fail_msg("%s: %s: %s fails %u times from the %u. on with %d (%s): %lld descriptors, %lld pieces of memory, "
                 "%u waits, %u failures, %u ms", demultiplexer, trouble, fault_name(fault->call), fault->times, first,
                 fault->error, strerror(fault->error), (long long) descriptors, (long long) held, fault_waits(),
                 fault_struck(), (unsigned) (took_ns / MILLISECOND));
}

static void run_with(const char *demultiplexer, const struct fault *fault, unsigned first)
{
    struct scenario scenario;
    struct before before = look_before();
    fault_arm(fault->call, fault->error, first, fault->times);
    live(&scenario, demultiplexer, fault->is_harmless);
    check_run(&scenario, &before, demultiplexer, fault, first);
}

static void run_without(const char *demultiplexer, struct scenario *scenario)
{
    fault_arm(FAULT_CALLS, 0, 0, 0);
    live(scenario, demultiplexer, true);
}

static const char *const demultiplexers[] = {"epoll", "poll", "select", "io_uring"};
#define DEMULTIPLEXERS (sizeof demultiplexers / sizeof demultiplexers[0])
enum { EPOLL = 1 << 0, POLL = 1 << 1, SELECT = 1 << 2, URING = 1 << 3 }; /* their bits */

/* On which the scenario makes the call, whatever comes when; where nothing is said: on all. */
static const uint8_t calling[FAULT_CALLS] = {
    [CALL_EPOLL_CREATE] = EPOLL, [CALL_EPOLL_CTL] = EPOLL, [CALL_EPOLL_PWAIT] = EPOLL, [CALL_EPOLL_PWAIT2] = EPOLL,
    [CALL_PPOLL] = POLL, [CALL_PSELECT] = SELECT, [CALL_URING_INIT] = URING, [CALL_URING_ENABLE] = URING,
    [CALL_URING_ENTER] = URING, [CALL_URING_BUFFERS] = URING, [CALL_URING_CANCEL] = URING,
    [CALL_URING_RECEIVED] = URING, [CALL_URING_SENT] = URING, [CALL_URING_COPIED] = URING, [CALL_URING_ACCEPTED] = URING,
    [CALL_ACCEPT] = EPOLL | POLL | SELECT, [CALL_RECV] = EPOLL | POLL | SELECT, [CALL_SEND] = EPOLL | POLL | SELECT,
};

static bool calls_on(size_t demultiplexer, enum fault_call call)
{
    return calling[call] == 0 || (calling[call] & 1u << demultiplexer);
}

static bool is_offered(const char *demultiplexer)
{
    return reactor_demultiplexer_offered(reactor_demultiplexer_find(demultiplexer));
}

static void check_calls(size_t demultiplexer)
{
    for (enum fault_call call = 0; call < FAULT_CALLS; call++)
        if (calls_on(demultiplexer, call) && fault_count(call) == 0)
            fail_msg("%s: %s is never called", demultiplexers[demultiplexer], fault_name(call));
}

static void without_a_fault_everything_arrives_and_each_call_is_made(void **state)
{
    const struct fault none = {.call = FAULT_CALLS, .is_harmless = true};
    (void) state;
    for (size_t i = 0; i < DEMULTIPLEXERS; i++) {
        struct scenario scenario;
        if (!is_offered(demultiplexers[i])) {
            print_message("%s is not offered here\n", demultiplexers[i]);
            continue;
        }
        struct before before = look_before();
        run_without(demultiplexers[i], &scenario);
        check_run(&scenario, &before, demultiplexers[i], &none, 0);
        check_calls(i);
    }
}

struct tally {
    unsigned runs, struck;
};

/* At its first occurrence, which there is. It comes anew where a machine that stood still let all time out before it. */
static void try_first(const char *demultiplexer, const struct fault *fault, struct tally *tally)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        run_with(demultiplexer, fault, 1);
        tally->runs++;
        if (fault_struck()) {
            tally->struck++;
            return;
        }
    }
    fail_msg("%s: %s was never called to fail with %s", demultiplexer, fault_name(fault->call), strerror(fault->error));
}

/* At a later and a late occurrence too, of about so many. */
static void try_places(const char *demultiplexer, const struct fault *fault, unsigned made, struct tally *tally)
{
    unsigned last = 1, places[] = {2, made / 2, made - made / 8};
    try_first(demultiplexer, fault, tally);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i] > made || places[i] <= last)
            continue;
        last = places[i];
        run_with(demultiplexer, fault, last);
        tally->runs++;
        tally->struck += fault_struck() > 0;
    }
}

/* On each demultiplexer that makes the call. */
static void try_all(const struct fault *faults, size_t count)
{
    struct tally tally = {0};
    for (size_t d = 0; d < DEMULTIPLEXERS; d++) {
        struct scenario scenario;
        unsigned made[FAULT_CALLS];
        if (!is_offered(demultiplexers[d]))
            continue;
        run_without(demultiplexers[d], &scenario);
        for (unsigned call = 0; call < FAULT_CALLS; call++)
            made[call] = fault_count(call);
        for (size_t i = 0; i < count; i++)
            if (calls_on(d, faults[i].call))
                try_places(demultiplexers[d], &faults[i], made[faults[i].call], &tally);
    }
    print_message("%u runs, %u of them with a failure\n", tally.runs, tally.struck);
    assert_true(tally.struck > tally.runs / 2);
}

#define TRY_ALL(...) \
    do { \
        static const struct fault faults[] = {__VA_ARGS__}; \
        try_all(faults, sizeof faults / sizeof faults[0]); \
    } while (0)

static void waits_are_interrupted_and_refused(void **state)
{
    (void) state;
    TRY_ALL(PASSES(EPOLL_PWAIT, EINTR, 50), PASSES(EPOLL_PWAIT2, EINTR, 50), PASSES(EPOLL_PWAIT2, ENOSYS, 1000),
            PASSES(EPOLL_PWAIT2, EPERM, 1000), HARMS(EPOLL_PWAIT, EINVAL, 100000), HARMS(EPOLL_PWAIT2, EBADF, 100000),
            PASSES(PPOLL, EINTR, 50), HARMS(PPOLL, ENOMEM, 1), HARMS(PPOLL, EINVAL, 100000), PASSES(PSELECT, EINTR, 50),
            HARMS(PSELECT, ENOMEM, 1), HARMS(PSELECT, EBADF, 100000), PASSES(URING_ENTER, EINTR, 50),
            PASSES(URING_ENTER, EAGAIN, 50), PASSES(URING_ENTER, EBUSY, 50), HARMS(URING_ENTER, EBADF, 100000),
            HARMS(URING_ENTER, EBADR, 1));
}

static void a_loop_cannot_be_set_up(void **state)
{
    (void) state;
    TRY_ALL(HARMS(EPOLL_CREATE, EMFILE, 1), HARMS(EPOLL_CREATE, ENFILE, 1), HARMS(EPOLL_CREATE, ENOMEM, 1),
            HARMS(URING_INIT, ENOMEM, 1), HARMS(URING_INIT, EPERM, 1), HARMS(URING_INIT, EMFILE, 1),
            HARMS(URING_INIT, EINVAL, 1), HARMS(URING_ENABLE, EBADFD, 1), HARMS(URING_BUFFERS, ENOMEM, 1),
            HARMS(URING_BUFFERS, ENOMEM, 1000), HARMS(URING_CANCEL, EINVAL, 1), HARMS(EVENTFD, EMFILE, 1),
            HARMS(EVENTFD, ENFILE, 1), HARMS(EVENTFD, ENOMEM, 1), HARMS(THREAD, EAGAIN, 1), HARMS(THREAD, EPERM, 1));
}

static void descriptors_cannot_be_watched(void **state)
{
    (void) state;
    TRY_ALL(HARMS(EPOLL_CTL, ENOMEM, 1), HARMS(EPOLL_CTL, ENOSPC, 3), HARMS(EPOLL_CTL, ENOMEM, 100000),
            PASSES(READ, EINTR, 20), PASSES(READ, EAGAIN, 20), PASSES(WRITE, EINTR, 20), PASSES(WRITE, EAGAIN, 20));
}

static void sockets_cannot_be_made(void **state)
{
    (void) state;
    TRY_ALL(HARMS(SOCKET, EMFILE, 1), HARMS(SOCKET, ENFILE, 1), HARMS(SOCKET, ENOBUFS, 5),
            HARMS(SETSOCKOPT, ENOPROTOOPT, 1), HARMS(SETSOCKOPT, ENOMEM, 100), HARMS(BIND, EADDRINUSE, 1),
            HARMS(BIND, ENOMEM, 5), HARMS(LISTEN, EADDRINUSE, 1), HARMS(CONNECT, ECONNREFUSED, 1),
            HARMS(CONNECT, EADDRNOTAVAIL, 5), HARMS(CONNECT, ENETUNREACH, 5), HARMS(SO_ERROR, ECONNREFUSED, 1),
            HARMS(SO_ERROR, ETIMEDOUT, 5), HARMS(SO_ERROR, EHOSTUNREACH, 100), HARMS(SHUTDOWN, ENOTCONN, 1),
            HARMS(SHUTDOWN, ENOBUFS, 5));
}

static void accepting_runs_out_of_descriptors_and_goes_on(void **state)
{
    (void) state;
    TRY_ALL(PASSES(ACCEPT, EMFILE, 1), PASSES(ACCEPT, EMFILE, 5), PASSES(ACCEPT, ENFILE, 3), PASSES(ACCEPT, ENOBUFS, 3),
            PASSES(ACCEPT, ENOMEM, 3), HARMS(ACCEPT, EMFILE, 100000), PASSES(ACCEPT, EINTR, 20),
            PASSES(ACCEPT, EAGAIN, 20), PASSES(ACCEPT, ECONNABORTED, 5), PASSES(ACCEPT, EPROTO, 5),
            PASSES(ACCEPT, ENETDOWN, 5), HARMS(ACCEPT, EINVAL, 100000), HARMS(URING_ACCEPTED, EMFILE, 5),
            HARMS(URING_ACCEPTED, ENFILE, 1), HARMS(URING_ACCEPTED, ENOBUFS, 1), HARMS(URING_ACCEPTED, ENOMEM, 100),
            HARMS(URING_ACCEPTED, ECONNABORTED, 5), HARMS(URING_ACCEPTED, EINVAL, 1));
}

static void streams_are_interrupted_and_reset(void **state)
{
    (void) state;
    TRY_ALL(PASSES(RECV, EINTR, 50), HARMS(RECV, EAGAIN, 20), HARMS(RECV, ECONNRESET, 1), HARMS(RECV, ETIMEDOUT, 5),
            HARMS(RECV, EHOSTUNREACH, 3), HARMS(RECV, ENOMEM, 100), PASSES(SEND, EINTR, 50), PASSES(SEND, EAGAIN, 20),
            HARMS(SEND, ECONNRESET, 1), HARMS(SEND, EPIPE, 5), HARMS(SEND, ETIMEDOUT, 1), HARMS(SEND, EHOSTUNREACH, 3),
            HARMS(SEND, ENOBUFS, 3), PASSES(SEND, FAULT_SHORT, 1), PASSES(SEND, FAULT_SHORT, 200),
            HARMS(URING_RECEIVED, ECONNRESET, 1), HARMS(URING_RECEIVED, ETIMEDOUT, 5), HARMS(URING_SENT, EPIPE, 1),
            HARMS(URING_RECEIVED, EHOSTUNREACH, 100), HARMS(URING_SENT, ECONNRESET, 5), HARMS(URING_SENT, ENOBUFS, 1),
            HARMS(URING_COPIED, EPIPE, 1), HARMS(URING_COPIED, ECONNRESET, 5), PASSES(URING_COPIED, EAGAIN, 1),
            PASSES(URING_COPIED, EAGAIN, 1000));
}

static void datagrams_are_refused(void **state)
{
    (void) state;
    TRY_ALL(PASSES(SENDMMSG, EINTR, 50), PASSES(SENDMMSG, EAGAIN, 20), HARMS(SENDMMSG, ENOBUFS, 5),
            HARMS(SENDMMSG, ECONNREFUSED, 1), HARMS(SENDMMSG, EMSGSIZE, 2), HARMS(SENDMMSG, EIO, 1),
            HARMS(SENDMMSG, EPERM, 100), PASSES(SENDMMSG, FAULT_SHORT, 100), PASSES(RECVMMSG, EINTR, 50),
            PASSES(RECVMMSG, EAGAIN, 20), HARMS(RECVMMSG, ECONNREFUSED, 5), HARMS(RECVMMSG, ENOMEM, 20),
            HARMS(RECVMMSG, EBADF, 1), PASSES(RECVMSG, EINTR, 20), PASSES(RECVMSG, ENOMEM, 20), PASSES(POLL, EINTR, 20),
            PASSES(POLL, ENOMEM, 20));
}

/* Each allocation of the scenario alone, and all from one on. */
static void memory_runs_out(void **state)
{
    (void) state;
    unsigned runs = 0;
    for (size_t d = 0; d < DEMULTIPLEXERS; d++) {
        struct scenario scenario;
        if (!is_offered(demultiplexers[d]))
            continue;
        run_without(demultiplexers[d], &scenario);
        unsigned maps = fault_count(CALL_MMAP), allocations = fault_count(CALL_ALLOCATE);
        assert_true(maps && allocations);
        for (unsigned first = 1; first <= maps; first++, runs++)
            run_with(demultiplexers[d], &(struct fault) HARMS(MMAP, ENOMEM, 1), first);
        for (unsigned first = 1; first <= allocations; first += 1 + first / 16, runs += 2) {
            run_with(demultiplexers[d], &(struct fault) HARMS(ALLOCATE, ENOMEM, 1), first);
            run_with(demultiplexers[d], &(struct fault) HARMS(ALLOCATE, ENOMEM, 100000), first);
        }
    }
    print_message("%u runs\n", runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_fault_everything_arrives_and_each_call_is_made),
        cmocka_unit_test(waits_are_interrupted_and_refused),
        cmocka_unit_test(a_loop_cannot_be_set_up),
        cmocka_unit_test(descriptors_cannot_be_watched),
        cmocka_unit_test(sockets_cannot_be_made),
        cmocka_unit_test(accepting_runs_out_of_descriptors_and_goes_on),
        cmocka_unit_test(streams_are_interrupted_and_reset),
        cmocka_unit_test(datagrams_are_refused),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
