/* Accept, request, reply, close on TCP: each subject and the raw loop in turns. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "reactor/demultiplexer.h"
#include "tests/bench/event_loops/service.h"
#include "tests/bench/event_loops/service_client.h"

#define CONNECTIONS 8000u /* a repetition */
#define WARMING 1000u

static const struct service_subject *const tables[] = {services_bare, services_ours, services_streams,
                                                       services_libuv, services_libev, services_libevent};

static void run_job(void *context, struct bench_figures *figures)
{
    const struct service_subject *subject = context;
    struct service service = {.left = WARMING, .connections = CONNECTIONS, .figures = figures};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    service.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (service.listener < 0 || bind(service.listener, (struct sockaddr *) &address, sizeof address) < 0 ||
        listen(service.listener, 1024) < 0 ||
        getsockname(service.listener, (struct sockaddr *) &address, &(socklen_t){sizeof address}) < 0)
        bench_fail("listen", errno);
    pid_t client = service_client_start(&address);
    subject->run(&service, subject->argument);
    kill(client, SIGKILL); /* before its connections are left unanswered */
    waitpid(client, NULL, 0);
    if (service.phase != 2)
        bench_fail(subject->name, 0);
}

static bool measure(const struct service_subject *subject, double *ns)
{
    struct bench_figures figures;
    struct service_subject copy = *subject;
    if (!bench_in_child(run_job, &copy, &figures))
        return false;
    *ns = figures.cpu_ns / figures.done;
    return true;
}

static const char *why_not(const struct service_subject *subject)
{
    if (subject->missing)
        return subject->missing;
    return subject->demultiplexer && !reactor_demultiplexer_find(subject->demultiplexer) ? "not built in" : NULL;
}

static bool run_subject(struct bench *bench, const struct service_subject *subject)
{
    struct bench_row row = {.part = "accept", .subject = subject->name, .unit = "ns of CPU a connection",
                            .reason = why_not(subject), .beside = "raw epoll", .user_ns = NAN, .calls = NAN};
    double ns[BENCH_REPETITIONS_MAX], ratios[BENCH_REPETITIONS_MAX], raw_ns = 1;
    bool good = true;
    for (uint32_t i = 0; !row.reason && good && i < bench->repetitions; i++) {
        for (unsigned turn = 0; good && turn < 2; turn++) /* who goes first changes */
            good = (turn + i) % 2 ? measure(subject, &ns[i]) : measure(&services_bare[0], &raw_ns);
        ratios[i] = ns[i] / raw_ns;
    }
    if (!good)
        row.reason = "failed";
    if (!row.reason) {
        row.figure = bench_median(ns, bench->repetitions);
        row.has_ratio = subject != &services_bare[0];
        row.ratio = bench_interval_of(ratios, bench->repetitions);
        if (subject->goal > 0)
            row.goal = (struct bench_goal){BENCH_AT_MOST, subject->goal};
    }
    bench_report_row(bench, &row);
    return good;
}

bool bench_accept(struct bench *bench)
{
    bool good = true;
    bench_report_head(bench, "accept, request, reply, close on TCP; 64 connections at once", "ns", "raw");
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct service_subject *subject = tables[t]; subject->name; subject++)
            if (bench_is_chosen(bench, subject->name))
                good &= run_subject(bench, subject);
    return good;
}
