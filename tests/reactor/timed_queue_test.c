/* The timed queue against a model: a sorted array, popped in the total order. */
#include "reactor/timed_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "reactor/base/random.h"

/* A model of the queue: a binary heap over reactor_entry_before, as plain as can be. */
struct model {
    struct reactor_entry *entries;
    size_t count, capacity;
};

static void model_push(struct model *model, const struct reactor_entry *entry)
{
    if (model->count == model->capacity) {
        model->capacity = model->capacity ? 2 * model->capacity : 1024;
        model->entries = realloc(model->entries, model->capacity * sizeof model->entries[0]);
        assert_non_null(model->entries);
    }
    size_t at = model->count++;
    for (; at && reactor_entry_before(entry, &model->entries[(at - 1) / 2]); at = (at - 1) / 2)
        model->entries[at] = model->entries[(at - 1) / 2];
    model->entries[at] = *entry;
}

static struct reactor_entry model_pop(struct model *model)
{
    struct reactor_entry top = model->entries[0], last = model->entries[--model->count];
    size_t at = 0;
    for (size_t child = 1; child < model->count; child = 2 * at + 1) {
        if (child + 1 < model->count && reactor_entry_before(&model->entries[child + 1], &model->entries[child]))
            child++;
        if (!reactor_entry_before(&model->entries[child], &last))
            break;
        model->entries[at] = model->entries[child];
        at = child;
    }
    if (model->count)
        model->entries[at] = last;
    return top;
}

struct world {
    struct reactor_queue queue;
    struct model model;
    uint64_t key, draws, now_ns;
    uint32_t count, step;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    return base_random_below(base_random_at(world->key, world->draws++), below);
}

static void begin(struct world *world, uint64_t seed)
{
    const char *given = getenv("PEERLAB_TEST_SEED");
    *world = (struct world){.key = given ? strtoull(given, NULL, 0) : seed};
    printf("seed %llu (PEERLAB_TEST_SEED sets it)\n", (unsigned long long) world->key);
    assert_int_equal(reactor_queue_init(&world->queue, 0), 0);
}

static void end(struct world *world)
{
    reactor_queue_done(&world->queue);
    free(world->model.entries);
}

/* An entry and the bytes that it carries, which tell whose they are. */
struct carrier {
    _Alignas(64) struct reactor_entry entry;
    uint32_t carried[REACTOR_CARRIED_BYTES / 4];
};

static struct carrier carrier_of(const struct reactor_entry *entry)
{
    struct carrier carrier = {.entry = *entry};
    for (uint32_t i = 0; i < REACTOR_CARRIED_BYTES / 4; i++)
        carrier.carried[i] = (entry->count + 1) * (2654435761u + i);
    return carrier;
}

static void assert_carried(const struct reactor_entry *entry)
{
    if (!(entry->order & REACTOR_CARRIES))
        return;
    struct carrier expected = carrier_of(entry);
    assert_int_equal((uintptr_t) entry % 64, 0);
    assert_memory_equal(entry + 1, expected.carried, sizeof expected.carried);
}

static void push_carrier(struct world *world, const struct reactor_entry *entry)
{
    struct carrier carrier = carrier_of(entry);
    assert_int_equal(reactor_queue_push(&world->queue, &carrier.entry), 0);
}

/* Half by a copy, half written in place. */
static void push_both(struct world *world, struct reactor_entry entry)
{
    entry.count = world->count++;
    entry.payload = entry.count % 3 ? ~entry.count : entry.count & UINT16_MAX;
    model_push(&world->model, &entry);
    if (entry.count % 2) {
        push_carrier(world, &entry);
        return;
    }
    bool carries = entry.order & REACTOR_CARRIES;
    struct reactor_entry *place = reactor_queue_reserve(&world->queue, entry.due_ns, carries);
    assert_non_null(place);
    *place = entry;
    if (carries)
        memcpy(place + 1, carrier_of(&entry).carried, REACTOR_CARRIED_BYTES);
    reactor_queue_commit(&world->queue, place);
}

static void assert_same(const struct reactor_entry *entry, const struct reactor_entry *expected)
{
    assert_non_null(entry);
    if (memcmp(entry, expected, sizeof *entry) != 0)
        fail_msg("popped due %llu step %u target %u count %u, expected due %llu step %u target %u count %u",
                 (unsigned long long) entry->due_ns, entry->step, entry->target, entry->count,
                 (unsigned long long) expected->due_ns, expected->step, expected->target, expected->count);
}

static bool pop_both(struct world *world, uint64_t limit_ns)
{
    const struct reactor_entry *entry = reactor_queue_pop(&world->queue, limit_ns);
    if (world->model.count == 0 || world->model.entries[0].due_ns >= limit_ns) {
        assert_null(entry);
        return false;
    }
    struct reactor_entry expected = model_pop(&world->model);
    assert_same(entry, &expected);
    assert_carried(entry);
    world->now_ns = expected.due_ns;
    world->step = expected.step;
    return true;
}

static void drain(struct world *world)
{
    while (pop_both(world, UINT64_MAX))
        ;
    assert_int_equal(reactor_queue_count(&world->queue), 0);
    assert_true(reactor_queue_next_due(&world->queue) == UINT64_MAX);
}

static struct reactor_entry random_entry(struct world *world, uint64_t delay_ns)
{
    uint32_t target = (uint32_t) draw(world, 1000);
    return (struct reactor_entry){
        .due_ns = world->now_ns + delay_ns,
        .target = target,
        .source = draw(world, 2) ? target + 1 : (uint32_t) draw(world, 1000), /* half of them can be packed */
        .order = (uint8_t) draw(world, 256),
        .kind = (uint8_t) draw(world, 256),
        .cause = draw(world, 4) ? 0 : 1 + (uint32_t) draw(world, UINT32_MAX),
    };
}

/* A span that is uniform in its order of magnitude, up to 2^bits. */
static uint64_t wild_span(struct world *world, unsigned bits)
{
    return draw(world, UINT64_C(1) << draw(world, bits));
}

static void pops_in_the_total_order_whatever_the_spans(void **state)
{
    (void) state;
    static const unsigned magnitudes[] = {2, 8, 16, 28, 36, 50, 61};
    for (size_t m = 0; m < sizeof magnitudes / sizeof magnitudes[0]; m++) {
        struct world world;
        begin(&world, 1 + m);
        for (unsigned i = 0; i < 200000; i++) {
            if (world.model.count < 1 + wild_span(&world, 14) && world.now_ns < UINT64_C(1) << 62)
                push_both(&world, random_entry(&world, wild_span(&world, magnitudes[m])));
            else
                pop_both(&world, UINT64_MAX);
            assert_int_equal(reactor_queue_count(&world.queue), world.model.count);
        }
        drain(&world);
        end(&world);
    }
}

static void keeps_to_the_limit_and_knows_the_next_instant(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 20);
    for (unsigned i = 0; i < 100000; i++) {
        for (uint64_t pushes = draw(&world, 3); pushes; pushes--)
            push_both(&world, random_entry(&world, wild_span(&world, 33)));
        uint64_t limit_ns = world.now_ns + wild_span(&world, 33);
        while (draw(&world, 4) && pop_both(&world, limit_ns))
            ;
        uint64_t next_ns = world.model.count ? world.model.entries[0].due_ns : UINT64_MAX;
        assert_true(reactor_queue_next_due(&world.queue) == next_ns);
        if (limit_ns < next_ns && draw(&world, 2))
            world.now_ns = limit_ns; /* time passes without an entry */
    }
    drain(&world);
    end(&world);
}

/* Each entry makes another for its own target at the same instant, one step on, and now and then one for a while on. */
static void entries_for_oneself_at_the_current_instant_come_next_in_step(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 30);
    for (unsigned i = 0; i < 3000; i++)
        push_both(&world, random_entry(&world, draw(&world, 3)));
    for (unsigned i = 0; i < 300000 && world.model.count; i++) {
        pop_both(&world, UINT64_MAX);
        struct reactor_entry entry = random_entry(&world, 0);
        entry.step = (uint16_t) (world.step + 1);
        if (draw(&world, 10) && entry.step < 1000)
            push_both(&world, entry);
        if (draw(&world, 10) == 0)
            push_both(&world, random_entry(&world, 1 + draw(&world, 100000)));
    }
    drain(&world);
    end(&world);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

#define BURST 1000000u

/* Pops all of a burst, checking the order but not against the (slow) model. */
static void drain_in_order(struct world *world, size_t expected)
{
    struct reactor_entry before = {0};
    size_t count = 0;
    for (const struct reactor_entry *entry; (entry = reactor_queue_pop(&world->queue, UINT64_MAX)); count++) {
        if (count)
            assert_true(reactor_entry_before(&before, entry));
        before = *entry;
    }
    assert_int_equal(count, expected);
}

static void push_fast(struct world *world, struct reactor_entry entry)
{
    entry.count = world->count++;
    entry.order &= (uint8_t) ~REACTOR_CARRIES;
    if (reactor_queue_push(&world->queue, &entry) != 0)
        fail();
}

static void a_million_entries_of_one_instant_do_not_go_quadratic(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 40);
    double start = seconds();
    for (unsigned i = 0; i < BURST; i++)
        push_fast(&world, (struct reactor_entry){.due_ns = 5000000, .target = (uint32_t) draw(&world, 1u << 30)});
    drain_in_order(&world, BURST);
    assert_true(seconds() - start < 5); /* quadratic would be hours; sanitizers and a busy machine are allowed for */
    end(&world);
}

/* All pushed while the bucket of the instant is open, in random order of targets: and then again at each step. */
static void a_million_entries_pushed_into_the_opened_instant_do_not_go_quadratic(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 41);
    double start = seconds();
    push_fast(&world, (struct reactor_entry){.due_ns = 5000000});
    push_fast(&world, (struct reactor_entry){.due_ns = 5000000, .target = UINT32_MAX, .step = UINT16_MAX});
    assert_non_null(reactor_queue_pop(&world.queue, UINT64_MAX));
    for (unsigned i = 0; i < BURST; i++)
        push_fast(&world, (struct reactor_entry){.due_ns = 5000000, .target = (uint32_t) draw(&world, 1u << 30),
                                                 .step = 1});
    size_t popped = 0;
    for (const struct reactor_entry *entry; (entry = reactor_queue_pop(&world.queue, UINT64_MAX)); popped++) {
        if (entry->step == 1)
            push_fast(&world, (struct reactor_entry){.due_ns = 5000000, .target = entry->target, .step = 2});
    }
    assert_int_equal(popped, 2 * BURST + 1);
    assert_true(seconds() - start < 8);
    end(&world);
}

/* One entry is popped, one pushed right in the middle of what is open: the worst case for an array. */
static void entries_pushed_into_the_middle_of_an_opened_burst_stay_cheap(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 42);
    double start = seconds();
    for (uint32_t i = 0; i < 200000; i++)
        push_fast(&world, (struct reactor_entry){.due_ns = 7, .target = 2 * i});
    struct reactor_entry before = {0};
    size_t popped = 0;
    for (const struct reactor_entry *next; (next = reactor_queue_pop(&world.queue, UINT64_MAX)); popped++) {
        struct reactor_entry entry = *next;
        assert_true(popped == 0 || reactor_entry_before(&before, &entry));
        before = entry;
        if (popped < 400000)
            push_fast(&world, (struct reactor_entry){.due_ns = 7, .source = 1,
                                                     .target = entry.target + (uint32_t) draw(&world, 200000)});
    }
    assert_int_equal(popped, 600000);
    assert_true(seconds() - start < 5);
    end(&world);
}

static void a_constant_delay_leaves_as_it_came(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 50);
    for (unsigned i = 0; i < 20000; i++)
        push_both(&world, random_entry(&world, draw(&world, 50000000)));
    for (unsigned i = 0; i < 200000; i++) {
        pop_both(&world, UINT64_MAX);
        push_both(&world, random_entry(&world, 50000000));
    }
    drain(&world);
    end(&world);
}

/* The density changes by a factor of 10^8 and back: the layout follows, the order stands. */
static void follows_the_density_by_itself(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 51);
    static const uint64_t delays_ns[] = {1000000000, 10, 3600000000000, 1000, 100000000};
    for (unsigned phase = 0; phase < 5; phase++) {
        for (unsigned i = 0; i < 20000; i++)
            push_both(&world, random_entry(&world, 1 + draw(&world, delays_ns[phase])));
        for (unsigned i = 0; i < 100000; i++) {
            pop_both(&world, UINT64_MAX);
            push_both(&world, random_entry(&world, 1 + draw(&world, delays_ns[phase])));
        }
    }
    drain(&world);
    end(&world);
}

static void holds_entries_to_the_end_of_time(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 52);
    for (unsigned i = 0; i < 64; i++) {
        push_both(&world, random_entry(&world, UINT64_C(1) << i));
        push_both(&world, random_entry(&world, UINT64_MAX - (UINT64_C(1) << i)));
    }
    drain(&world);
    assert_int_equal(reactor_queue_push(&world.queue, &(struct reactor_entry){.due_ns = UINT64_MAX}), 0);
    assert_null(reactor_queue_pop(&world.queue, UINT64_MAX)); /* it is due never */
    assert_int_equal(reactor_queue_count(&world.queue), 1);
    end(&world);
}

static bool is_odd(const struct reactor_entry *entry)
{
    return entry->count & 1;
}

static void keep_odd(void *context, const struct reactor_entry *const *entries, size_t count, bool *keep)
{
    (void) context;
    assert_in_range(count, 1, REACTOR_QUEUE_CHUNK);
    for (size_t i = 0; i < count; i++)
        keep[i] = is_odd(entries[i]);
}

static void add_count(void *context, const struct reactor_entry *entry)
{
    assert_carried(entry);
    *(uint64_t *) context += entry->count;
}

static void a_sweep_removes_just_what_it_is_told_to(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 60);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 5000; i++)
            push_both(&world, random_entry(&world, wild_span(&world, round % 2 ? 36 : 4)));
        for (uint64_t pops = draw(&world, 3000); pops; pops--)
            pop_both(&world, UINT64_MAX);
        struct model kept = {0};
        uint64_t sum = 0, expected_sum = 0;
        for (size_t i = 0; i < world.model.count; i++) {
            if (is_odd(&world.model.entries[i])) {
                model_push(&kept, &world.model.entries[i]);
                expected_sum += world.model.entries[i].count;
            }
        }
        size_t removed = reactor_queue_sweep(&world.queue, keep_odd, NULL);
        assert_int_equal(removed, world.model.count - kept.count);
        assert_int_equal(reactor_queue_count(&world.queue), kept.count);
        reactor_queue_each(&world.queue, add_count, &sum);
        assert_true(sum == expected_sum);
        free(world.model.entries);
        world.model = kept;
        for (unsigned i = 0; i < 500; i++)
            pop_both(&world, UINT64_MAX);
    }
    drain(&world);
    end(&world);
}

static void shows_what_comes_next(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 61);
    assert_null(reactor_queue_upcoming(&world.queue, 0));
    for (uint32_t i = 0; i < 100; i++)
        push_both(&world, (struct reactor_entry){.due_ns = 10, .target = 99 - i});
    assert_true(pop_both(&world, UINT64_MAX));
    for (uint32_t ahead = 0; ahead < 99; ahead++)
        assert_int_equal(reactor_queue_upcoming(&world.queue, ahead)->target, ahead + 1);
    assert_null(reactor_queue_upcoming(&world.queue, 99));
    end(&world);
}

static void refuses_beyond_its_bound_and_goes_on(void **state)
{
    (void) state;
    struct reactor_queue queue;
    assert_int_equal(reactor_queue_init(&queue, 100), 0);
    struct reactor_entry entry = {0};
    for (entry.count = 0; entry.count < 100; entry.count++) {
        entry.due_ns = (uint64_t) entry.count << 40;
        assert_int_equal(reactor_queue_push(&queue, &entry), 0);
    }
    assert_int_equal(reactor_queue_push(&queue, &entry), -ENOBUFS);
    assert_non_null(reactor_queue_pop(&queue, UINT64_MAX));
    assert_int_equal(reactor_queue_push(&queue, &entry), 0);
    assert_int_equal(reactor_queue_push(&queue, &entry), -ENOBUFS);
    assert_int_equal(reactor_queue_count(&queue), 100);
    reactor_queue_done(&queue);
}

/* Memory is used again: after many times as many entries as are pending, no more is held than they need. */
static void memory_stays_bounded_by_the_pending_entries(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 62);
    const size_t pending = 200000;
    size_t empty = reactor_queue_bytes(&world.queue);
    for (size_t i = 0; i < pending; i++)
        push_fast(&world, random_entry(&world, draw(&world, 200000000)));
    for (size_t i = 0; i < 10 * pending; i++) {
        world.now_ns = reactor_queue_pop(&world.queue, UINT64_MAX)->due_ns;
        uint64_t delay_ns = draw(&world, 10) ? 20000000 + draw(&world, 180000000) : draw(&world, 2000000000);
        push_fast(&world, random_entry(&world, delay_ns));
    }
    size_t held = reactor_queue_bytes(&world.queue) - empty;
    printf("%zu bytes for %zu entries\n", held, pending);
    assert_true(held < pending * sizeof(struct reactor_entry) * 3 / 2);
    end(&world);
}

/* What is popped is read where it lies while others are pushed, some to come right behind it, and others are swept. */
static void what_was_popped_stays_in_place_until_the_next_pop(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 63);
    for (unsigned i = 0; i < 3000; i++)
        push_both(&world, random_entry(&world, wild_span(&world, 30)));
    for (unsigned i = 0; i < 30000 && world.model.count; i++) {
        struct reactor_entry *entry = reactor_queue_pop(&world.queue, UINT64_MAX), expected = model_pop(&world.model);
        world.now_ns = expected.due_ns;
        for (uint64_t pushes = i % 1000 ? draw(&world, 3) : 5000; pushes; pushes--)
            push_both(&world, random_entry(&world, 1 + wild_span(&world, draw(&world, 2) ? 10 : 40)));
        if (i % 5000 == 4999) {
            struct model kept = {0};
            for (size_t at = 0; at < world.model.count; at++) {
                if (is_odd(&world.model.entries[at]))
                    model_push(&kept, &world.model.entries[at]);
            }
            reactor_queue_sweep(&world.queue, keep_odd, NULL);
            free(world.model.entries);
            world.model = kept;
        }
        assert_same(entry, &expected);
        assert_carried(entry);
    }
    drain(&world);
    end(&world);
}

/* Idle timers at either side of every limit of packing: payloads, bucket ends, spans beyond 2^32 ns. */
static void packed_timers_come_back_as_they_were(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 64);
    static const uint32_t payloads[] = {0, 1, UINT16_MAX, UINT16_MAX + 1, UINT32_MAX};
    for (unsigned bits = 20; bits < 64; bits++) {
        for (unsigned i = 0; i < 15; i++) {
            struct reactor_entry entry = {.due_ns = (UINT64_C(1) << bits) + i % 3 - 1, .target = i, .source = i + 1,
                                          .count = world.count++, .order = REACTOR_TIMER | REACTOR_LOOSE,
                                          .kind = (uint8_t) i, .payload = payloads[i / 3]};
            entry.source += bits % 5 == 0;
            entry.cause = bits % 5 == 1;
            entry.step = bits % 5 == 2;
            push_carrier(&world, &entry);
            model_push(&world.model, &entry);
        }
    }
    drain(&world);
    end(&world);
}

static void an_idle_timer_far_ahead_takes_less_than_18_bytes(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 65);
    const uint32_t pending = 1000000;
    size_t empty = reactor_queue_bytes(&world.queue);
    for (uint32_t i = 0; i < pending; i++)
        push_fast(&world, (struct reactor_entry){.due_ns = UINT64_C(5000000000) + draw(&world, UINT64_C(115000000000)),
                                                 .target = i, .source = i + 1, .order = REACTOR_TIMER | REACTOR_LOOSE});
    size_t held = reactor_queue_bytes(&world.queue) - empty;
    printf("%zu bytes for %u timers\n", held, pending);
    assert_true(held < pending * (size_t) 18);
    drain_in_order(&world, pending);
    end(&world);
}

/* A bucket that is never used up: it must become narrower, and need no more memory than its entries. */
static void tiny_delays_from_a_wide_bucket_on_stay_cheap(void **state)
{
    (void) state;
    for (uint32_t pending = 300; pending <= 30000; pending *= 10) {
        struct world world;
        begin(&world, 66);
        double start = seconds();
        size_t empty = reactor_queue_bytes(&world.queue);
        for (uint32_t i = 0; i < pending; i++)
            push_fast(&world, random_entry(&world, 100 + draw(&world, 800)));
        struct reactor_entry before = {0};
        for (uint32_t i = 0; i < 1000000; i++) {
            struct reactor_entry entry = *reactor_queue_pop(&world.queue, UINT64_MAX);
            assert_true(i == 0 || reactor_entry_before(&before, &entry));
            before = entry;
            world.now_ns = entry.due_ns;
            push_fast(&world, random_entry(&world, 100 + draw(&world, 800)));
        }
        assert_true(world.queue.shift < 12); /* it began with 2^20 ns */
        assert_true(reactor_queue_bytes(&world.queue) - empty < 4 * 32 * pending + 600000);
        assert_true(seconds() - start < 5);
        end(&world);
    }
}

static void tells_when_a_bucket_was_opened(void **state)
{
    (void) state;
    struct world world;
    begin(&world, 67);
    push_both(&world, (struct reactor_entry){.due_ns = 10});
    push_both(&world, (struct reactor_entry){.due_ns = 11});
    push_both(&world, (struct reactor_entry){.due_ns = 5000000000});
    uint64_t opened = world.queue.opened;
    assert_true(pop_both(&world, UINT64_MAX) && world.queue.opened == opened + 1);
    assert_true(pop_both(&world, UINT64_MAX) && world.queue.opened == opened + 1);
    assert_true(pop_both(&world, UINT64_MAX) && world.queue.opened == opened + 2);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_in_the_total_order_whatever_the_spans),
        cmocka_unit_test(keeps_to_the_limit_and_knows_the_next_instant),
        cmocka_unit_test(entries_for_oneself_at_the_current_instant_come_next_in_step),
        cmocka_unit_test(a_million_entries_of_one_instant_do_not_go_quadratic),
        cmocka_unit_test(a_million_entries_pushed_into_the_opened_instant_do_not_go_quadratic),
        cmocka_unit_test(entries_pushed_into_the_middle_of_an_opened_burst_stay_cheap),
        cmocka_unit_test(a_constant_delay_leaves_as_it_came),
        cmocka_unit_test(follows_the_density_by_itself),
        cmocka_unit_test(holds_entries_to_the_end_of_time),
        cmocka_unit_test(a_sweep_removes_just_what_it_is_told_to),
        cmocka_unit_test(shows_what_comes_next),
        cmocka_unit_test(refuses_beyond_its_bound_and_goes_on),
        cmocka_unit_test(memory_stays_bounded_by_the_pending_entries),
        cmocka_unit_test(what_was_popped_stays_in_place_until_the_next_pop),
        cmocka_unit_test(packed_timers_come_back_as_they_were),
        cmocka_unit_test(an_idle_timer_far_ahead_takes_less_than_18_bytes),
        cmocka_unit_test(tiny_delays_from_a_wide_bucket_on_stay_cheap),
        cmocka_unit_test(tells_when_a_bucket_was_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
