/* Offload and tasks: what blocks runs elsewhere, and its result always comes back, once. */
#include "reactor/offload.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "reactor/options.h"
#include "reactor/task.h"
#include "tests/reactor/each_loop.h"
#include "tests/reactor/service.h"

#define JOBS 64

/* Jobs wait at a gate until the test opens it. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
    uint32_t inside, inside_most;
};

struct world;
struct job {
    struct world *world;
    int number, result;
    uint32_t told;
    atomic_uint worked;
};

struct world {
    struct reactor_loop *loop;
    struct reactor_offload *pool;
    struct gate gate;
    pthread_t thread; /* the loop's */
    struct job jobs[JOBS];
    uint32_t told;
    int order[JOBS];
};

static struct world *begin_with(uint32_t threads, uint32_t jobs, bool open, uint32_t posted_max)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    *world = (struct world){.gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, open, 0, 0},
                            .thread = pthread_self()};
    for (int i = 0; i < JOBS; i++) {
        world->jobs[i].world = world;
        world->jobs[i].number = i;
    }
    assert_int_equal(reactor_loop_create(&world->loop, &(struct reactor_loop_options){.posted_max = posted_max}), 0);
    assert_int_equal(reactor_offload_create(&world->pool, &(struct reactor_offload_options){threads, jobs}), 0);
    return world;
}

static struct world *begin(uint32_t threads, uint32_t jobs, bool open)
{
    return begin_with(threads, jobs, open, 0);
}

static void end(struct world *world)
{
    reactor_offload_free(world->pool);
    reactor_loop_free(world->loop);
    free(world);
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}

static uint32_t inside(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    uint32_t count = gate->inside;
    pthread_mutex_unlock(&gate->lock);
    return count;
}

static void await_inside(struct gate *gate, uint32_t count)
{
    while (inside(gate) < count)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static int work(void *context)
{
    struct job *job = context;
    struct gate *gate = &job->world->gate;
    assert_false(pthread_equal(pthread_self(), job->world->thread));
    atomic_fetch_add(&job->worked, 1);
    pthread_mutex_lock(&gate->lock);
    if (++gate->inside > gate->inside_most)
        gate->inside_most = gate->inside;
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->lock);
    gate->inside--;
    pthread_mutex_unlock(&gate->lock);
    return job->number;
}

static void done(void *context, int result)
{
    struct job *job = context;
    assert_true(pthread_equal(pthread_self(), job->world->thread));
    job->result = result;
    job->told++;
    job->world->order[job->world->told++] = job->number;
}

static int64_t submit(struct world *world, uint32_t which)
{
    return reactor_offload_submit(world->pool, world->loop, work, done, &world->jobs[which]);
}

static void results_come_back_once_and_the_run_waits_for_them(void **state)
{
    (void) state;
    struct world *world = begin(3, JOBS, true);
    for (uint32_t i = 0; i < JOBS; i++)
        assert_true(submit(world, i) > 0);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->told, JOBS);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(world->jobs[i].told, 1);
        assert_int_equal(world->jobs[i].result, i);
        assert_int_equal(world->jobs[i].worked, 1);
    }
    struct reactor_offload_statistics statistics = reactor_offload_statistics(world->pool);
    assert_int_equal(statistics.submitted, JOBS);
    assert_int_equal(statistics.completed, JOBS);
    assert_int_equal(statistics.jobs, 0);
    assert_in_range(statistics.threads, 1, 3);
    end(world);
}

static void one_thread_takes_jobs_in_the_order_of_submitting(void **state)
{
    (void) state;
    struct world *world = begin(1, JOBS, true);
    for (uint32_t i = 0; i < JOBS; i++)
        assert_true(submit(world, i) > 0);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(world->order[i], i);
    end(world);
}

static void jobs_beyond_the_bound_are_refused_and_counted_until_one_was_told(void **state)
{
    (void) state;
    struct world *world = begin(2, 4, false);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(submit(world, i) > 0);
    assert_int_equal(submit(world, 4), -ENOBUFS);
    assert_int_equal(submit(world, 4), -ENOBUFS);
    assert_int_equal(reactor_offload_statistics(world->pool).refused, 2);
    open_gate(&world->gate);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->told, 4);
    assert_int_equal(world->jobs[4].worked, 0);
    assert_true(submit(world, 4) > 0);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->jobs[4].told, 1);
    assert_int_equal(reactor_offload_statistics(world->pool).jobs_most, 4);
    end(world);
}

static void as_many_jobs_run_at_once_as_there_may_be_threads(void **state)
{
    (void) state;
    int before = count_threads();
    struct world *world = begin(3, JOBS, false);
    for (uint32_t i = 0; i < 10; i++)
        assert_true(submit(world, i) > 0);
    await_inside(&world->gate, 3);
    assert_int_equal(count_threads(), before + 3);
    open_gate(&world->gate);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_in_range(world->gate.inside_most, 1, 3);
    end(world);
    assert_threads_become(before);
}

static void what_has_not_begun_can_be_cancelled_and_is_told_so(void **state)
{
    (void) state;
    struct world *world = begin(1, JOBS, false);
    int64_t running = submit(world, 0), waiting = submit(world, 1);
    await_inside(&world->gate, 1);
    assert_int_equal(reactor_offload_cancel(world->pool, running), -EBUSY);
    assert_int_equal(reactor_offload_cancel(world->pool, waiting), 0);
    assert_int_equal(reactor_offload_cancel(world->pool, waiting), -ENOENT);
    open_gate(&world->gate);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->jobs[0].result, 0);
    assert_int_equal(world->jobs[1].result, -ECANCELED);
    assert_int_equal(world->jobs[1].worked, 0);
    assert_int_equal(world->jobs[1].told, 1);
    assert_int_equal(reactor_offload_cancel(world->pool, running), -ENOENT);
    assert_int_equal(reactor_offload_cancel(world->pool, 0), -ENOENT);
    assert_int_equal(reactor_offload_cancel(world->pool, -ENOBUFS), -ENOENT);
    end(world);
}

static void a_ticket_is_not_that_of_a_later_job_in_the_same_slot(void **state)
{
    (void) state;
    struct world *world = begin(1, 1, true);
    int64_t first = submit(world, 0);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    world->gate.open = false;
    int64_t second = submit(world, 1);
    assert_true(first > 0 && second > 0 && first != second);
    assert_int_equal(reactor_offload_cancel(world->pool, first), -ENOENT);
    open_gate(&world->gate);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->jobs[1].result, 1);
    end(world);
}

static void *open_later(void *context)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    open_gate(context);
    return NULL;
}

static void stopping_cancels_what_waits_and_lets_the_rest_end(void **state)
{
    (void) state;
    int before = count_threads();
    struct world *world = begin(2, JOBS, false);
    for (uint32_t i = 0; i < 5; i++)
        assert_true(submit(world, i) > 0);
    await_inside(&world->gate, 2);
    pthread_t opener;
    assert_int_equal(pthread_create(&opener, NULL, open_later, &world->gate), 0);
    reactor_offload_stop(world->pool);
    pthread_join(opener, NULL);
    assert_threads_become(before);
    assert_int_equal(submit(world, 5), -ESHUTDOWN);
    assert_int_equal(world->told, 0);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(world->jobs[i].told, 1);
        assert_int_equal(world->jobs[i].result, i < 2 ? i : -ECANCELED);
    }
    end(world);
}

static void freeing_the_pool_tells_what_was_not_told(void **state)
{
    (void) state;
    struct world *world = begin(1, JOBS, true);
    for (uint32_t i = 0; i < 8; i++)
        assert_true(submit(world, i) > 0);
    reactor_offload_free(world->pool);
    world->pool = NULL;
    assert_int_equal(world->told, 8);
    for (int i = 0; i < 8; i++)
        assert_true(world->jobs[i].result == (world->jobs[i].worked ? i : -ECANCELED));
    end(world);
}

static void free_the_pool(void *context, int result)
{
    struct world *world = context;
    struct reactor_offload *pool = world->pool;
    (void) result;
    world->told++;
    world->pool = NULL; /* the first: it tells the others meanwhile */
    reactor_offload_free(pool);
}

static int nothing(void *context)
{
    (void) context;
    return 0;
}

static void the_pool_may_be_freed_from_the_end_of_a_job(void **state)
{
    (void) state;
    struct world *world = begin(1, JOBS, true);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(reactor_offload_submit(world->pool, world->loop, nothing, free_the_pool, world) > 0);
    while (reactor_offload_statistics(world->pool).completed < 3) /* so that one turn tells all of them */
        usleep(1000);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->told, 3);
    end(world);
}

static void ignore(void *context, struct reactor_entry *entry)
{
    (void) entry;
    ++*(uint32_t *) context;
}

static void results_arrive_although_the_loops_posts_are_full(void **state)
{
    (void) state;
    struct world *world = begin_with(2, JOBS, true, 2);
    uint32_t posts = 0;
    struct reactor_dispatch dispatch = {.context = &posts, .handle[REACTOR_USER] = ignore};
    reactor_loop_dispatch_set(world->loop, &dispatch);
    struct reactor_entry entry = {.order = REACTOR_USER};
    assert_int_equal(reactor_loop_post(world->loop, &entry), 0);
    assert_int_equal(reactor_loop_post(world->loop, &entry), 0);
    for (uint32_t i = 0; i < 16; i++)
        assert_true(submit(world, i) > 0);
    while (reactor_offload_statistics(world->pool).completed < 16)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(reactor_loop_post(world->loop, &entry), -ENOBUFS);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->told, 16);
    assert_int_equal(posts, 2);
    end(world);
}

static void submit_next(void *context, int result)
{
    struct job *job = context;
    struct world *world = job->world;
    done(context, result);
    if (job->number + 1 < JOBS)
        assert_true(reactor_offload_submit(world->pool, world->loop, work, submit_next,
                                           &world->jobs[job->number + 1]) > 0);
}

static void a_job_may_be_submitted_from_the_end_of_another_even_at_the_bound(void **state)
{
    (void) state;
    struct world *world = begin(1, 1, true);
    assert_true(reactor_offload_submit(world->pool, world->loop, work, submit_next, &world->jobs[0]) > 0);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(world->told, JOBS);
    assert_int_equal(reactor_offload_statistics(world->pool).threads, 1);
    end(world);
}

static void a_pool_too_large_is_an_error(void **state)
{
    (void) state;
    struct reactor_offload *pool;
    assert_int_equal(reactor_offload_create(&pool, &(struct reactor_offload_options){.jobs_max = 65536}), -EINVAL);
    assert_int_equal(reactor_offload_create(&pool, &(struct reactor_offload_options){.threads_max = 1025}), -EINVAL);
    assert_null(pool);
    reactor_offload_free(pool);
    struct base_diagnostics diagnostics = {0};
    const struct reactor_offload_options both = {.threads_max = 1025, .jobs_max = 65536};
    assert_int_equal(reactor_offload_options_check(&both, &diagnostics), -EINVAL);
    assert_int_equal(diagnostics.count, 2);
    assert_string_equal(diagnostics.items[0].message, "threads_max: 1025 is not between 1 and 1024 threads");
    assert_string_equal(diagnostics.items[1].message, "jobs_max: 65536 is not between 1 and 65535 jobs");
}

struct resolved {
    int result;
    uint32_t told;
    struct sockaddr_in address;
};

static void note_resolved(void *context, int result, const struct addrinfo *addresses)
{
    struct resolved *resolved = context;
    resolved->result = result;
    resolved->told++;
    assert_true((result == 0) == (addresses != NULL));
    if (addresses)
        memcpy(&resolved->address, addresses->ai_addr, sizeof resolved->address);
}

static void names_are_looked_up_and_bad_ones_are_errors(void **state)
{
    (void) state;
    struct world *world = begin(1, JOBS, true);
    struct resolved good = {0}, bad = {0}, service = {0};
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    char name[] = "127.0.0.7";
    assert_true(reactor_offload_resolve(world->pool, world->loop, name, "4711", &hints, note_resolved, &good) > 0);
    memset(name, 'x', sizeof name - 1); /* it was copied */
    assert_true(reactor_offload_resolve(world->pool, world->loop, "no number", "1", &hints, note_resolved, &bad) > 0);
    assert_true(reactor_offload_resolve(world->pool, world->loop, NULL, "no-such-service", &hints, note_resolved,
                                        &service) > 0);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(good.told + bad.told + service.told, 3);
    assert_int_equal(good.result, 0);
    assert_int_equal(ntohs(good.address.sin_port), 4711);
    assert_int_equal(ntohl(good.address.sin_addr.s_addr), 0x7f000007);
    assert_int_equal(bad.result, -ENOENT);
    assert_int_equal(service.result, -ENOENT);
    end(world);
}

static void a_look_up_refused_or_cancelled_leaves_nothing_behind(void **state)
{
    (void) state;
    struct world *world = begin(1, 2, false);
    struct resolved resolved = {0};
    assert_true(submit(world, 0) > 0);
    await_inside(&world->gate, 1);
    int64_t ticket = reactor_offload_resolve(world->pool, world->loop, "::1", NULL, NULL, note_resolved, &resolved);
    assert_true(ticket > 0);
    assert_int_equal(reactor_offload_resolve(world->pool, world->loop, "::1", NULL, NULL, note_resolved, &resolved),
                     -ENOBUFS);
    assert_int_equal(reactor_offload_cancel(world->pool, ticket), 0);
    open_gate(&world->gate);
    assert_int_equal(reactor_loop_run(world->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(resolved.told, 1);
    assert_int_equal(resolved.result, -ECANCELED);
    end(world);
}

#define SUBMITTERS 4
#define TASKS_EACH 5000

struct counted_task {
    struct reactor_task task;
    uint32_t submitter, number;
};

struct submitter {
    struct reactor_loop *loop;
    uint32_t next;
    bool in_order;
    struct counted_task tasks[TASKS_EACH];
};

static struct submitter *submitters;
static uint32_t tasks_run;

static void note_task(struct reactor_loop *loop, struct reactor_task *task)
{
    struct counted_task *counted = (struct counted_task *) (void *) task;
    struct submitter *submitter = &submitters[counted->submitter];
    submitter->in_order = submitter->in_order && submitter->next == counted->number;
    submitter->next++;
    if (++tasks_run == SUBMITTERS * TASKS_EACH)
        reactor_loop_release(loop);
}

static void *submit_many(void *context)
{
    struct submitter *submitter = context;
    for (uint32_t i = 0; i < TASKS_EACH; i++) {
        submitter->tasks[i] = (struct counted_task){{NULL, note_task}, (uint32_t) (submitter - submitters), i};
        reactor_loop_submit(submitter->loop, &submitter->tasks[i].task);
        if (i % 512 == 0) /* so that the loop falls asleep now and then */
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return NULL;
}

static void tasks_of_many_threads_all_run_and_each_ones_in_order(void **state)
{
    (void) state;
    for (size_t i = 0; reactor_demultiplexers[i]; i++) {
        struct reactor_loop_options options = {.demultiplexer = reactor_demultiplexers[i]->name};
        struct reactor_loop *loop;
        pthread_t threads[SUBMITTERS];
        if (!is_offered(reactor_demultiplexers[i]))
            continue;
        assert_int_equal(reactor_loop_create(&loop, &options), 0);
        submitters = calloc(SUBMITTERS, sizeof *submitters);
        assert_non_null(submitters);
        tasks_run = 0;
        reactor_loop_hold(loop);
        for (uint32_t s = 0; s < SUBMITTERS; s++) {
            submitters[s].loop = loop;
            submitters[s].in_order = true;
            assert_int_equal(pthread_create(&threads[s], NULL, submit_many, &submitters[s]), 0);
        }
        assert_int_equal(reactor_loop_run(loop, UINT64_MAX), REACTOR_IDLE);
        for (uint32_t s = 0; s < SUBMITTERS; s++) {
            pthread_join(threads[s], NULL);
            assert_true(submitters[s].in_order);
            assert_int_equal(submitters[s].next, TASKS_EACH);
        }
        reactor_loop_free(loop);
        free(submitters);
    }
}

static void note_run(struct reactor_loop *loop, struct reactor_task *task)
{
    (void) loop;
    ((struct counted_task *) (void *) task)->number++;
}

static void a_task_still_waiting_is_run_when_the_loop_is_freed(void **state)
{
    (void) state;
    struct reactor_loop *loop;
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){0}), 0);
    struct counted_task task = {.task.run = note_run};
    reactor_loop_submit(loop, &task.task);
    reactor_loop_free(loop);
    assert_int_equal(task.number, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_back_once_and_the_run_waits_for_them),
        cmocka_unit_test(one_thread_takes_jobs_in_the_order_of_submitting),
        cmocka_unit_test(jobs_beyond_the_bound_are_refused_and_counted_until_one_was_told),
        cmocka_unit_test(as_many_jobs_run_at_once_as_there_may_be_threads),
        cmocka_unit_test(what_has_not_begun_can_be_cancelled_and_is_told_so),
        cmocka_unit_test(a_ticket_is_not_that_of_a_later_job_in_the_same_slot),
        cmocka_unit_test(stopping_cancels_what_waits_and_lets_the_rest_end),
        cmocka_unit_test(freeing_the_pool_tells_what_was_not_told),
        cmocka_unit_test(the_pool_may_be_freed_from_the_end_of_a_job),
        cmocka_unit_test(results_arrive_although_the_loops_posts_are_full),
        cmocka_unit_test(a_job_may_be_submitted_from_the_end_of_another_even_at_the_bound),
        cmocka_unit_test(a_pool_too_large_is_an_error),
        cmocka_unit_test(names_are_looked_up_and_bad_ones_are_errors),
        cmocka_unit_test(a_look_up_refused_or_cancelled_leaves_nothing_behind),
        cmocka_unit_test(tasks_of_many_threads_all_run_and_each_ones_in_order),
        cmocka_unit_test(a_task_still_waiting_is_run_when_the_loop_is_freed),
    };
    return cmocka_run_group_tests(tests, settle_threads, NULL);
}
