#include "reactor/loops.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "reactor/loops_internal.h"
#include "reactor/options.h"

#define LOOPS_MOST 1024

static struct base_place nowhere(void)
{
    return (struct base_place){0};
}

static void tell(struct base_diagnostics *diagnostics, uint32_t index, const char *what, int error)
{
    if (diagnostics)
        base_diagnose(diagnostics, BASE_ERROR, nowhere(), NULL, "loop %u: %s: %s", index, what, strerror(-error));
}

/* How many processors the process may use; at least 1. */
static uint32_t processors(cpu_set_t *set)
{
    if (sched_getaffinity(0, sizeof *set, set) < 0 || CPU_COUNT(set) < 1) {
        CPU_ZERO(set);
        CPU_SET(0, set);
    }
    return (uint32_t) CPU_COUNT(set);
}

static int member_set_up(struct reactor_loops *loops, uint32_t index)
{
    struct loops_member *member = &loops->members[index];
    *member = (struct loops_member){.loops = loops, .index = index};
    int result = reactor_loop_create(&member->loop, &loops->options.loop);
    if (result < 0)
        return result;
    member->loop->handed = (struct loop_call){loops_take_handed, member};
    reactor_loop_hold(member->loop); /* it lives until it is told to stop */
    return 0;
}

int reactor_loops_create(struct reactor_loops **created, const struct reactor_loops_options *options,
                         struct base_diagnostics *diagnostics)
{
    cpu_set_t set;
    *created = NULL;
    uint32_t count = options->count ? options->count : processors(&set);
    if (count > LOOPS_MOST) {
        if (diagnostics)
            base_diagnose(diagnostics, BASE_ERROR, nowhere(), NULL, "%u loops: at most %u", count, LOOPS_MOST);
        return -EINVAL;
    }
    if (reactor_loop_options_check(&options->loop, diagnostics) < 0)
        return -EINVAL;
    struct reactor_loops *loops = calloc(1, sizeof *loops);
    if (!loops)
        return -ENOMEM;
    loops->options = *options;
    loops->members = aligned_alloc(_Alignof(struct loops_member), count * sizeof *loops->members);
    int result = loops->members ? 0 : -ENOMEM;
    for (; result == 0 && loops->count < count; loops->count++) {
        result = member_set_up(loops, loops->count);
        if (result < 0)
            tell(diagnostics, loops->count, "creating it", result);
        if (result < 0)
            break;
    }
    if (result < 0) {
        reactor_loops_free(loops);
        return result;
    }
    *created = loops;
    return 0;
}

void reactor_loops_free(struct reactor_loops *loops)
{
    if (!loops)
        return;
    reactor_loops_stop(loops);
    (void) reactor_loops_join(loops, NULL);
    for (uint32_t i = 0; i < loops->count; i++) {
        if (!loops->members[i].wound_down)
            loop_wind_down(loops->members[i].loop);
        loops_close_handed(&loops->members[i]);
        reactor_loop_free(loops->members[i].loop);
    }
    loops_free_listenings(loops);
    free(loops->members);
    free(loops);
}

uint32_t reactor_loops_count(const struct reactor_loops *loops)
{
    return loops->count;
}

struct reactor_loop *reactor_loops_at(const struct reactor_loops *loops, uint32_t index)
{
    return loops->members[index].loop;
}

/* Where a loop cannot be bound to a processor it still runs. */
static void pin(const struct loops_member *member)
{
    cpu_set_t allowed, one;
    uint32_t which = member->index % processors(&allowed);
    CPU_ZERO(&one);
    for (size_t processor = 0; processor < CPU_SETSIZE; processor++) {
        if (CPU_ISSET(processor, &allowed) && which-- == 0) {
            CPU_SET(processor, &one);
            break;
        }
    }
    (void) pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

static void *run(void *context)
{
    struct loops_member *member = context;
    const struct reactor_loops_options *options = &member->loops->options;
    char name[16];
    snprintf(name, sizeof name, "loop %u", member->index);
    pthread_setname_np(pthread_self(), name);
    if (options->pin)
        pin(member);
    member->failed_at = "its beginning";
    int result = options->begin ? options->begin(options->context, member->loop, member->index) : 0;
    bool begun = result >= 0;
    if (begun) {
        member->failed_at = member->loop->demultiplexer->name;
        result = reactor_loop_run(member->loop, UINT64_MAX);
    }
    if (begun && options->end)
        options->end(options->context, member->loop, member->index);
    loop_wind_down(member->loop);
    member->wound_down = true;
    member->result = result < 0 ? result : 0;
    if (result < 0)
        reactor_loops_stop(member->loops);
    return NULL;
}

int loops_refuse_begun(const struct reactor_loops *loops, const char *what, struct base_diagnostics *diagnostics)
{
    bool runs = loops->members[0].running; /* the first to be started and joined */
    if (!loops->begun)
        return 0;
    if (diagnostics)
        base_diagnose(diagnostics, BASE_ERROR, nowhere(), "what is to run anew is created anew", "%s: the loops %s", what,
                      runs ? "run already" : "have run, and are closed");
    return runs ? -EALREADY : -ESHUTDOWN;
}

/* Signals are the program's own threads' business: a loop is stopped by them through reactor_loops_stop. */
int reactor_loops_start(struct reactor_loops *loops, struct base_diagnostics *diagnostics)
{
    sigset_t all, before;
    int error = 0, begun = loops_refuse_begun(loops, "starting", diagnostics);
    if (begun < 0)
        return begun;
    loops->begun = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint32_t i = 0; i < loops->count && !error; i++) {
        error = pthread_create(&loops->members[i].thread, NULL, run, &loops->members[i]);
        loops->members[i].running = !error;
        if (error)
            tell(diagnostics, i, "starting its thread", -error);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        reactor_loops_stop(loops);
        (void) reactor_loops_join(loops, NULL);
    }
    return -error;
}

void reactor_loops_stop(struct reactor_loops *loops)
{
    for (uint32_t i = 0; i < loops->count; i++)
        reactor_loop_stop(loops->members[i].loop);
}

int reactor_loops_join(struct reactor_loops *loops, struct base_diagnostics *diagnostics)
{
    int result = 0;
    for (uint32_t i = 0; i < loops->count; i++) {
        struct loops_member *member = &loops->members[i];
        if (!member->running)
            continue;
        pthread_join(member->thread, NULL);
        member->running = false;
        if (member->result < 0)
            tell(diagnostics, i, member->failed_at, member->result);
        if (result == 0)
            result = member->result;
    }
    return result;
}
