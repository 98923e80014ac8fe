#include "reactor/base/lines.h"

#include <string.h>

#include "support.h"

static struct base_source source_of(const char *text)
{
    return (struct base_source){.name = "text", .text = text, .length = strlen(text)};
}

/* The first letter of each piece, and the lines' ends. */
static void letters_of(const char *text, char *letters)
{
    struct base_source source = source_of(text);
    struct base_lines lines = base_lines_start(&source);
    for (; base_lines_next(&lines); *letters++ = '/') {
        for (base_lines_skip_blanks(&lines); !base_lines_at_end(&lines); base_lines_skip_blanks(&lines)) {
            *letters++ = *lines.at;
            while (!base_lines_at_end(&lines) && !base_is_blank(*lines.at))
                lines.at++;
        }
    }
    *letters = '\0';
}

static void pieces_are_found_line_by_line_whatever_ends_the_last(void **state)
{
    (void) state;
    static const char *const texts[][2] = {
        {"", ""}, {"\n", "/"}, {"a", "a/"}, {"a\n", "a/"}, {"a\n\n", "a//"}, {" a\tb \r\n c", "ab/c/"},
        {"\xef\xbb\xbf" "a b\nc", "ab/c/"}, {"\xef\xbb\xbf", ""}, {"\xef\xbb", "\xef/"}, {"   ", "/"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char letters[32];
        letters_of(texts[i][0], letters);
        assert_string_equal(letters, texts[i][1]);
    }
}

static void a_line_may_be_left_in_its_middle(void **state)
{
    (void) state;
    struct base_source source = source_of("first line\nsecond\nthird");
    struct base_lines lines = base_lines_start(&source);
    assert_true(base_lines_next(&lines));
    lines.at += 3;
    assert_true(base_lines_next(&lines));
    assert_memory_equal(lines.at, "second", 6);
    lines.at += 6; /* at its newline */
    assert_true(base_lines_next(&lines));
    assert_memory_equal(lines.at, "third", 5);
    assert_int_equal(lines.line, 3);
    assert_false(base_lines_next(&lines));
    assert_false(base_lines_next(&lines));
}

/* Columns count bytes from the line's first, so the mark's too: the caret is placed in the line as it stands there. */
static void a_place_is_that_of_the_text(void **state)
{
    (void) state;
    struct base_source source = source_of("\xef\xbb\xbf" "ab\n cd");
    struct base_lines lines = base_lines_start(&source);
    assert_true(base_lines_next(&lines));
    struct base_place first = base_lines_place(&lines, lines.at);
    assert_int_equal(first.line, 1);
    assert_int_equal(first.column, 4);
    assert_true(base_lines_next(&lines));
    base_lines_skip_blanks(&lines);
    struct base_place second = base_lines_place(&lines, lines.at);
    assert_ptr_equal(second.source, &source);
    assert_int_equal(second.line, 2);
    assert_int_equal(second.column, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_found_line_by_line_whatever_ends_the_last),
        cmocka_unit_test(a_line_may_be_left_in_its_middle),
        cmocka_unit_test(a_place_is_that_of_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
