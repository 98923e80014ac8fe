#include "reactor/base/diagnostic.h"

#include "support.h"

static struct base_source source_of(const char *text)
{
    return (struct base_source){.name = "a.yaml", .text = text, .length = strlen(text)};
}

/* The whole diagnostic of "bad" at a place of text, in a static buffer. */
static const char *formatted(const char *text, uint32_t line, uint32_t column, const char *hint)
{
    static char output[4096];
    struct base_source source = source_of(text);
    struct base_diagnostics diagnostics = {0};
    struct base_place place = {&source, line, column};
    base_diagnose(&diagnostics, BASE_ERROR, place, hint, "bad %s", "thing");
    size_t length = base_diagnostic_format(&diagnostics.items[0], output, sizeof(output));
    assert_int_equal(length, strlen(output));
    return output;
}

static void diagnostic_shows_place_line_caret_and_hint(void **state)
{
    (void) state;
    assert_string_equal(formatted("x: 1\noverlay: {protocol: chrod}\ny: 2\n", 2, 21, "the nearest name is chord"),
                        "a.yaml:2:21: error: bad thing\n"
                        "    2 | overlay: {protocol: chrod}\n"
                        "      |                     ^\n"
                        "      = the nearest name is chord\n");
    assert_string_equal(formatted("first", 1, 1, NULL), "a.yaml:1:1: error: bad thing\n"
                                                        "    1 | first\n"
                                                        "      | ^\n");
}

static void places_without_a_line_show_none(void **state)
{
    (void) state;
    assert_string_equal(formatted("x: 1\n", 0, 0, NULL), "a.yaml: error: bad thing\n");
    assert_string_equal(formatted("x: 1\n", 9, 4, "why"), "a.yaml:9:4: error: bad thing\n      = why\n");
    struct base_diagnostics diagnostics = {0};
    char output[64];
    base_diagnose(&diagnostics, BASE_WARNING, (struct base_place){0}, NULL, "late");
    base_diagnostic_format(&diagnostics.items[0], output, sizeof(output));
    assert_string_equal(output, "warning: late\n");
}

static void caret_behind_the_line_stands_at_its_end(void **state)
{
    (void) state;
    const char *expected = "    1 | ab\n      |   ^\n";
    assert_contains(formatted("ab\r\ncd", 1, 50, NULL), expected); /* a carriage return is none of the line */
    assert_contains(formatted("ab", 1, 3, NULL), expected);
    assert_contains(formatted("", 1, 1, NULL), "    1 | \n      | ^\n");
    assert_contains(formatted("ab\n", 2, 1, NULL), "    2 | \n      | ^\n");
}

static void caret_is_placed_by_characters_and_controls_are_blanked(void **state)
{
    (void) state;
    assert_contains(formatted("\tn\xc3\xa9: x\x1b[31m", 1, 7, NULL), "    1 |  n\xc3\xa9: x [31m\n      |      ^\n");
    assert_contains(formatted("a\xff\xc2\x9b" "b", 1, 5, NULL), "    1 | a? b\n      |    ^\n");
}

static void long_line_is_windowed_around_the_caret(void **state)
{
    (void) state;
    char text[1001];
    for (size_t i = 0; i < 1000; i++)
        text[i] = (char) ('a' + i % 26);
    text[1000] = '\0';
    static const uint32_t columns[] = {1, 2, 50, 60, 61, 62, 500, 940, 950, 999, 1000};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        const char *line = strchr(formatted(text, 1, columns[i], NULL), '\n') + 1 + 8;
        const char *caret_line = strchr(line, '\n') + 1 + 8;
        assert_int_equal(caret_line - 9 - line, 100);
        size_t blanks = strspn(caret_line, " ");
        assert_int_equal(caret_line[blanks], '^');
        assert_int_equal(line[blanks], text[columns[i] - 1]);
    }
}

static void window_cuts_between_characters(void **state)
{
    (void) state;
    char text[601];
    for (size_t i = 0; i < 600; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    text[600] = '\0';
    for (uint32_t column = 1; column <= 600; column += 3) {
        const char *output = formatted(text, 1, column, NULL);
        assert_null(strchr(output, '?'));
        assert_contains(output, "\xe2\x82\xac");
    }
}

static void text_without_room_is_cut_and_its_length_told(void **state)
{
    (void) state;
    struct base_source source = source_of("ab");
    struct base_diagnostics diagnostics = {0};
    base_diagnose(&diagnostics, BASE_ERROR, (struct base_place){&source, 1, 1}, "h", "bad");
    char whole[256], part[256];
    size_t length = base_diagnostic_format(&diagnostics.items[0], whole, sizeof(whole));
    for (size_t bytes = 0; bytes <= length + 1; bytes++) {
        memset(part, 'X', sizeof(part));
        assert_int_equal(base_diagnostic_format(&diagnostics.items[0], part, bytes), length);
        if (bytes > 0)
            assert_int_equal(strlen(part), bytes - 1 < length ? bytes - 1 : length);
        assert_memory_equal(part, whole, bytes > 0 ? bytes - 1 : 0);
        assert_int_equal(part[bytes], 'X');
    }
}

static void first_twenty_are_kept_and_all_are_counted(void **state)
{
    (void) state;
    struct base_diagnostics diagnostics = {0};
    for (int i = 0; i < 30; i++)
        base_diagnose(&diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "error %d", i);
    base_diagnose(&diagnostics, BASE_WARNING, (struct base_place){0}, NULL, "too late");
    assert_int_equal(diagnostics.count, 20);
    assert_int_equal(diagnostics.error_count, 30);
    assert_int_equal(diagnostics.warning_count, 1);
    assert_string_equal(diagnostics.items[0].message, "error 0");
    assert_string_equal(diagnostics.items[19].message, "error 19");
}

static void errors_displace_the_last_warnings_and_keep_their_order(void **state)
{
    (void) state;
    struct base_diagnostics diagnostics = {0};
    for (int i = 0; i < 20; i++)
        base_diagnose(&diagnostics, i % 10 == 3 ? BASE_WARNING : BASE_ERROR, (struct base_place){0}, NULL, "%d", i);
    base_diagnose(&diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "new");
    assert_int_equal(diagnostics.count, 20);
    assert_string_equal(diagnostics.items[3].message, "3");
    assert_string_equal(diagnostics.items[13].message, "14");
    assert_string_equal(diagnostics.items[18].message, "19");
    assert_string_equal(diagnostics.items[19].message, "new");
    base_diagnose(&diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "newer");
    base_diagnose(&diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "newest");
    assert_string_equal(diagnostics.items[3].message, "4");
    assert_string_equal(diagnostics.items[19].message, "newer");
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(diagnostics.items[i].severity, BASE_ERROR);
}

static void quoted_text_cannot_break_the_line_or_the_terminal(void **state)
{
    (void) state;
    struct base_diagnostics diagnostics = {0};
    base_diagnose(&diagnostics, BASE_ERROR, (struct base_place){0}, "x\ny", "unknown key \"%s\"", "a\n\x1b[2Jb");
    assert_string_equal(diagnostics.items[0].message, "unknown key \"a  [2Jb\"");
    assert_string_equal(diagnostics.items[0].hint, "x y");
}

static void long_message_is_cut_at_a_character_and_says_so(void **state)
{
    (void) state;
    char word[1001];
    for (size_t i = 0; i < 1000; i += 2)
        memcpy(word + i, "\xc3\xa9", 2);
    word[1000] = '\0';
    for (size_t skip = 0; skip < 2; skip++) {
        struct base_diagnostics diagnostics = {0};
        base_diagnose(&diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "%s%s", skip == 0 ? "" : "x", word);
        const char *message = diagnostics.items[0].message;
        size_t length = strlen(message);
        assert_true(length < BASE_DIAGNOSTIC_TEXT_BYTES && length > BASE_DIAGNOSTIC_TEXT_BYTES - 4);
        assert_string_equal(message + length - 3, "...");
        assert_int_equal((unsigned char) message[length - 4], 0xa9); /* the whole of the last character */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diagnostic_shows_place_line_caret_and_hint),
        cmocka_unit_test(places_without_a_line_show_none),
        cmocka_unit_test(caret_behind_the_line_stands_at_its_end),
        cmocka_unit_test(caret_is_placed_by_characters_and_controls_are_blanked),
        cmocka_unit_test(long_line_is_windowed_around_the_caret),
        cmocka_unit_test(window_cuts_between_characters),
        cmocka_unit_test(text_without_room_is_cut_and_its_length_told),
        cmocka_unit_test(first_twenty_are_kept_and_all_are_counted),
        cmocka_unit_test(errors_displace_the_last_warnings_and_keep_their_order),
        cmocka_unit_test(quoted_text_cannot_break_the_line_or_the_terminal),
        cmocka_unit_test(long_message_is_cut_at_a_character_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
