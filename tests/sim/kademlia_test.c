/* Kademlia as a whole: lookups, joins, crashes, loss, the end. */
#include "tests/sim/kademlia_world.h"

/* --- lookups --- */

static void a_converged_start_answers_every_lookup_correctly(void **unused)
{
    (void) unused;
    static const struct { uint64_t bits, k, alpha; uint32_t peers; } cases[] = {
        {160, 20, 3, 1000}, {160, 1, 1, 300}, {160, 8, 3, 500}, {24, 8, 10, 300}, {11, 4, 3, 200}, {9, 20, 3, 512},
        {160, 20, 3, 2}, {160, 20, 3, 21}, {64, 3, 100, 200}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kademlia_parameters p = defaults();
        p.bits = cases[i].bits;
        p.k = cases[i].k;
        p.alpha = cases[i].alpha;
        struct harness *h = world(&p, cases[i].peers);
        harness_start_converged(h);
        assert_tables_are_sound(h, cases[i].peers);
        struct figures figures = look_up(h, cases[i].peers, 500, false);
        assert_int_equal(figures.correct, 500);
        assert_int_equal(figures.timeouts, 0);
        assert_tables_are_sound(h, cases[i].peers);
        harness_free(h);
    }
}

/* ../shared/PAPERS.md row C6: keys are ids of peers, as in the model behind it. */
static void hops_with_full_buckets_and_one_request_at_a_time_are_the_models(void **unused)
{
    (void) unused;
    static const struct { uint64_t k; double hops; } cases[] = {{1, 4.93}, {8, 2.43}, {20, 1.97}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kademlia_parameters p = defaults();
        p.k = cases[i].k;
        p.alpha = 1;
        struct harness *h = world(&p, 1000);
        harness_start_converged(h);
        struct figures figures = look_up(h, 1000, 3000, true);
        assert_int_equal(figures.correct, 3000);
        double hops = (double) figures.hops / 3000;
        print_message("k = %u: %.3f hops, %.2f in the table\n", (unsigned) cases[i].k, hops, cases[i].hops);
        assert_true(hops > cases[i].hops - 0.1 && hops < cases[i].hops + 0.1);
        harness_free(h);
    }
}

static void peers_that_join_one_by_one_find_each_other(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    p.k = 8;
    struct harness *h = world(&p, 200);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    for (uint32_t i = 1; i < 200; i++) {
        harness_join(h, i, 1 + (uint32_t) (harness_draw(h) % i));
        run_for(h, 10 * HARNESS_SECOND_NS);
    }
    assert_tables_are_sound(h, 200);
    struct figures figures = look_up(h, 200, 500, false);
    assert_int_equal(figures.succeeded, 500);
    assert_true(figures.correct >= 495);
    harness_free(h);
}

/* Each through one other: a random graph of one arrow a peer falls into several parts. */
static void many_that_join_at_once_do_not_end_in_islands(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 500);
    harness_set_loss(h, PPB_PER_PERCENT);
    for (uint32_t i = 0; i < 500; i++)
        harness_join(h, i, 1 + (i + 1 + (uint32_t) (harness_draw(h) % 499)) % 500);
    run_for(h, 2 * MINUTE_NS);
    struct figures figures = look_up(h, 500, 1000, false);
    print_message("correct: %u of 1000\n", figures.correct);
    assert_true(figures.correct >= 995);
    assert_tables_are_sound(h, 500);
    harness_free(h);
}

static void a_peer_whose_bootstrap_peer_is_dead_asks_another(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 30);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    for (uint32_t i = 1; i < 29; i++) {
        harness_join(h, i, i);
        run_for(h, HARNESS_SECOND_NS);
    }
    harness_crash(h, 7);
    harness_join(h, 29, 8);
    run_for(h, 30 * HARNESS_SECOND_NS);
    const struct kademlia *state = peer_state(harness_peer(h, 29));
    assert_true(kademlia_contact_count(harness_shared(h), state) >= 20);
    harness_free(h);
}

static void lookups_recover_when_three_in_ten_crash(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 500);
    harness_start_converged(h);
    for (uint32_t crashed = 0; crashed < 150;) {
        uint32_t peer = any_up(h, 500);
        harness_crash(h, peer);
        crashed++;
    }
    struct figures at_once = look_up(h, 500, 500, false);
    print_message("correct at once: %u of 500, %.2f time-outs a lookup\n", at_once.correct,
                  (double) at_once.timeouts / 500);
    assert_int_equal(at_once.succeeded, 500);
    assert_true(at_once.correct >= 498);
    run_for(h, 90 * MINUTE_NS); /* a refresh of every bucket */
    struct figures later = look_up(h, 500, 500, false);
    print_message("later: %u of 500, %.2f time-outs a lookup\n", later.correct, (double) later.timeouts / 500);
    assert_int_equal(later.correct, 500);
    assert_true(later.timeouts * 4 < at_once.timeouts);
    assert_tables_are_sound(h, 500);
    harness_free(h);
}

static bool halves_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes, size_t length)
{
    const bool *parted = context;
    (void) kind;
    (void) bytes;
    (void) length;
    return !*parted || (from ^ (to - 1)) % 2 == 0;
}

static void a_network_that_was_parted_grows_together_again(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 400);
    bool parted = true;
    harness_start_converged(h);
    harness_set_tap(h, halves_tap, &parted);
    struct figures meanwhile = look_up(h, 400, 2000, false);
    parted = false;
    struct figures healed = look_up(h, 400, 2000, false);
    struct figures later = look_up(h, 400, 500, false);
    print_message("correct: %u of 2000 in halves, %u of 2000 at once after, then %u of 500\n", meanwhile.correct,
                  healed.correct, later.correct);
    assert_true(meanwhile.correct > 800 && meanwhile.correct < 1200);
    assert_true(healed.correct >= 1980);
    assert_int_equal(later.correct, 500);
    assert_tables_are_sound(h, 400);
    harness_free(h);
}

/* Tables of which 79 in 100 contacts are dead, as after a night without anybody: KAD's availability is 21 %. */
static void tables_full_of_dead_contacts_are_cleaned_by_use(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 1000);
    harness_start_converged(h);
    while (harness_up_count(h) > 210)
        harness_crash(h, any_up(h, 1000));
    struct figures first = look_up(h, 1000, 500, false);
    for (int minute = 0; minute < 40; minute++)
        (void) look_up(h, 1000, 100, false);
    struct figures later = look_up(h, 1000, 500, false);
    print_message("correct: %u, then %u of 500; time-outs a lookup: %.1f, then %.2f\n", first.correct, later.correct,
                  (double) first.timeouts / 500, (double) later.timeouts / 500);
    assert_true(first.correct >= 490);
    assert_int_equal(later.correct, 500);
    assert_true(later.timeouts < 500);
    harness_free(h);
}

static void lost_messages_cost_time_but_not_the_answer(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 300);
    harness_start_converged(h);
    harness_set_loss(h, 5 * PPB_PER_PERCENT);
    struct figures figures = look_up(h, 300, 1000, false);
    print_message("correct: %u of 1000\n", figures.correct);
    assert_int_equal(figures.succeeded, 1000);
    assert_true(figures.correct >= 975); /* both requests to the owner lost: (1 - .95^2)^2 = 1 % */
    harness_free(h);
}

static void a_peer_that_is_alone_owns_every_key(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 2);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    struct overlay_id key;
    harness_random_id(h, &key);
    const struct harness_result *result = harness_result(h, harness_lookup(h, 0, &key));
    assert_true(result->done && result->result.succeeded);
    assert_int_equal(result->result.owner, 1);
    assert_int_equal(result->result.hops, 0);
    assert_int_equal(result->result.messages, 0);
    harness_free(h);
}

static void a_lookup_that_nobody_answers_fails(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 50);
    harness_start_converged(h);
    harness_set_loss(h, 100 * PPB_PER_PERCENT);
    struct overlay_id key;
    harness_random_id(h, &key);
    uint32_t lookup = harness_lookup(h, 0, &key);
    run_for(h, 2 * MINUTE_NS);
    const struct harness_result *result = harness_result(h, lookup);
    assert_true(result->done);
    assert_false(result->result.succeeded);
    assert_int_equal(result->result.timeouts, result->result.messages);
    harness_set_loss(h, 0); /* and the peer finds back to the others */
    run_for(h, 10 * MINUTE_NS);
    struct figures figures = look_up(h, 50, 100, false);
    assert_int_equal(figures.correct, 100);
    harness_free(h);
}

static void a_lookup_begun_while_joining_waits_for_the_bootstrap_peer(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 2);
    struct overlay_id key;
    harness_join(h, 0, PEER_ADDRESS_NONE);
    harness_join(h, 1, 1);
    harness_id(h, 0, &key);
    uint32_t lookup = harness_lookup(h, 1, &key);
    assert_false(harness_result(h, lookup)->done);
    run_for(h, 10 * HARNESS_SECOND_NS);
    assert_true(harness_result(h, lookup)->done && harness_result(h, lookup)->result.succeeded);
    assert_int_equal(harness_result(h, lookup)->result.owner, 1);
    assert_int_equal(harness_result(h, lookup)->result.hops, 1);
    harness_free(h);
}

/* Answers FIND_NODE of peer 0 in another's name: the right transaction from the wrong address. */
struct forger {
    bool seen;
    uint8_t nodes[28];
};

static bool forger_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes, size_t length)
{
    struct forger *forger = context;
    (void) to;
    (void) length;
    if (from == 0 && kind == KADEMLIA_FIND_NODE) {
        memcpy(forger->nodes, bytes, 6);
        forger->nodes[1] = KADEMLIA_NODES;
        forger->seen = true;
        return false;
    }
    return true;
}

static void an_answer_from_another_address_or_with_another_transaction_does_not_count(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 2);
    struct forger forger = {.seen = false};
    struct overlay_id id;
    harness_start_converged(h);
    harness_set_tap(h, forger_tap, &forger);
    harness_id(h, 1, &id);
    uint32_t lookup = harness_lookup(h, 0, &id);
    assert_true(forger.seen);
    memcpy(forger.nodes + 6, id.octets, 20);
    assert_true(harness_deliver(h, 0, 3, forger.nodes, sizeof forger.nodes));
    assert_false(harness_result(h, lookup)->done);
    forger.nodes[5] ^= 1;
    assert_true(harness_deliver(h, 0, 2, forger.nodes, sizeof forger.nodes));
    assert_false(harness_result(h, lookup)->done);
    forger.nodes[5] ^= 1;
    assert_true(harness_deliver(h, 0, 2, forger.nodes, sizeof forger.nodes));
    assert_true(harness_result(h, lookup)->done && harness_result(h, lookup)->result.succeeded);
    harness_free(h);
}

/* --- the end --- */

static void peers_that_go_give_everything_back(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    p.k = 3;
    struct harness *h = world(&p, 100);
    const struct kademlia_shared *shared = harness_shared(h);
    harness_start_converged(h);
    for (uint32_t round = 0; round < 300; round++) {
        struct overlay_id key;
        harness_random_id(h, &key);
        uint32_t peer = (uint32_t) (harness_draw(h) % 100);
        if (harness_is_up(h, peer) && round % 3 == 0 && harness_up_count(h) > 10)
            harness_crash(h, peer);
        else if (!harness_is_up(h, peer))
            harness_join(h, peer, any_up(h, 100) + 1);
        else
            (void) harness_lookup(h, peer, &key);
        run_for(h, HARNESS_SECOND_NS / 10);
    }
    assert_true(shared->buckets.live > 0 && shared->lookups.live > 0);
    for (uint32_t i = 0; i < 100; i++)
        if (harness_is_up(h, i))
            harness_crash(h, i);
    assert_int_equal(shared->buckets.live, 0);
    assert_int_equal(shared->directories.live, 0);
    assert_int_equal(shared->lookups.live, 0);
    assert_int_equal(shared->probes.live, 0);
    harness_free(h);
}

static void two_runs_from_one_seed_are_the_same(void **unused)
{
    (void) unused;
    struct harness_counts counts[2];
    for (int i = 0; i < 2; i++) {
        struct kademlia_parameters p = defaults();
        struct harness *h = world(&p, 100);
        harness_start_converged(h);
        harness_set_loss(h, 3 * PPB_PER_PERCENT);
        (void) look_up(h, 100, 200, false);
        counts[i] = *harness_counts(h);
        harness_free(h);
    }
    assert_memory_equal(&counts[0], &counts[1], sizeof counts[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_converged_start_answers_every_lookup_correctly),
        cmocka_unit_test(hops_with_full_buckets_and_one_request_at_a_time_are_the_models),
        cmocka_unit_test(peers_that_join_one_by_one_find_each_other),
        cmocka_unit_test(many_that_join_at_once_do_not_end_in_islands),
        cmocka_unit_test(a_peer_whose_bootstrap_peer_is_dead_asks_another),
        cmocka_unit_test(lookups_recover_when_three_in_ten_crash),
        cmocka_unit_test(a_network_that_was_parted_grows_together_again),
        cmocka_unit_test(tables_full_of_dead_contacts_are_cleaned_by_use),
        cmocka_unit_test(lost_messages_cost_time_but_not_the_answer),
        cmocka_unit_test(a_peer_that_is_alone_owns_every_key),
        cmocka_unit_test(a_lookup_that_nobody_answers_fails),
        cmocka_unit_test(a_lookup_begun_while_joining_waits_for_the_bootstrap_peer),
        cmocka_unit_test(an_answer_from_another_address_or_with_another_transaction_does_not_count),
        cmocka_unit_test(peers_that_go_give_everything_back),
        cmocka_unit_test(two_runs_from_one_seed_are_the_same),
    };
    return cmocka_run_group_tests_name("kademlia", tests, NULL, NULL);
}
