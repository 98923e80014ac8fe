#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/json.h"
#include "tests/reactor/base/support.h"

static void expect_text(const char *text, size_t length, const char *json)
{
    char *out_text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&out_text, &bytes);
    base_json_put(out, text, length);
    fclose(out);
    assert_string_equal(out_text, json);
    free(out_text);
}

static void quotes_backslashes_and_control_characters_are_escaped(void **state)
{
    (void) state;
    expect_text("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    expect_text("\n\t\x1b[31m\x7f", 8, "\"\\u000a\\u0009\\u001b[31m\\u007f\"");
    expect_text("a\0b", 3, "\"a\\u0000b\"");
    expect_text("\xc2\x9b", 2, "\"\\u009b\""); /* CSI in C1: some terminals obey it */
    expect_text("", 0, "\"\"");
}

static void characters_beyond_ascii_stay_as_they_are(void **state)
{
    (void) state;
    expect_text("Zürich \xe2\x86\x92 \xf0\x9f\x90\x8c", 16, "\"Zürich \xe2\x86\x92 \xf0\x9f\x90\x8c\"");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    (void) state;
    expect_text("a\xff", 2, "\"a\\ufffd\"");
    expect_text("\xc3", 1, "\"\\ufffd\"");
    expect_text("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");
}

static void no_text_is_null(void **state)
{
    (void) state;
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    base_json_put_text(out, NULL);
    base_json_put_real(out, INFINITY);
    fclose(out);
    assert_string_equal(text, "nullnull");
    free(text);
}

static void numbers_are_as_short_as_they_read_back_the_same(void **state)
{
    (void) state;
    const double values[] = {0, 0.1, 1.0 / 3, 1e300, -2.5, 123456789, 5e-324, 0.99996};
    const char *const texts[] = {"0", "0.1", "0.3333333333333333", "1e+300", "-2.5", "123456789", "4.94066e-324",
                                 "0.99996"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[32];
        base_json_real(values[i], text, sizeof text);
        assert_string_equal(text, texts[i]);
        assert_true(strtod(text, NULL) == values[i]);
    }
    char text[32];
    base_json_real(NAN, text, sizeof text);
    assert_string_equal(text, "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_backslashes_and_control_characters_are_escaped),
        cmocka_unit_test(characters_beyond_ascii_stay_as_they_are),
        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(no_text_is_null),
        cmocka_unit_test(numbers_are_as_short_as_they_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
