#include "reactor/base/diagnostic.h"
#include "support.h"

static const char *const names[] = {"kademlia", "chord", "epidemic", "session", "downtime", "from", "k", "bits"};

static const char *name_at(const void *context, size_t i)
{
    return ((const char *const *) context)[i];
}

static const char *nearest(const char *word)
{
    return base_nearest_name(word, sizeof(names) / sizeof(names[0]), name_at, names);
}

static void near_words_find_their_name(void **state)
{
    (void) state;
    assert_string_equal(nearest("chrod"), "chord");      /* a transposition counts one */
    assert_string_equal(nearest("kadmlia"), "kademlia"); /* one missing */
    assert_string_equal(nearest("kkademlia"), "kademlia");
    assert_string_equal(nearest("kedamlia"), "kademlia"); /* two substitutions in eight */
    assert_string_equal(nearest("sesions"), "session");
    assert_string_equal(nearest("form"), "from");
    assert_string_equal(nearest("bit"), "bits");
    assert_string_equal(nearest("epidemic"), "epidemic");
    assert_string_equal(nearest("j"), "k");
}

static void far_words_find_none(void **state)
{
    (void) state;
    assert_null(nearest("gnutella"));
    assert_null(nearest("cards"));  /* three edits in five letters */
    assert_null(nearest("fomr2"));  /* "from" is two away, five letters allow one */
    assert_null(nearest(""));
    assert_null(base_nearest_name("chord", 0, name_at, names));
}

static void hostile_word_is_not_compared(void **state)
{
    (void) state;
    char *word = malloc(1000001);
    memset(word, 'k', 1000000);
    word[1000000] = '\0';
    assert_null(nearest(word));
    free(word);
}

static void nearest_wins_whatever_the_order(void **state)
{
    (void) state;
    static const char *const similar[] = {"latencies", "latency_ms", "latency", "latenca"};
    assert_string_equal(base_nearest_name("latencx", 4, name_at, similar), "latency"); /* the first of equals */
    assert_string_equal(base_nearest_name("latencie", 4, name_at, similar), "latencies");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_words_find_their_name),
        cmocka_unit_test(far_words_find_none),
        cmocka_unit_test(hostile_word_is_not_compared),
        cmocka_unit_test(nearest_wins_whatever_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
