#include "reactor/base/utf8.h"

#include "support.h"

static void assert_character(const char *text, size_t length, size_t bytes, uint32_t expected)
{
    uint32_t character;
    assert_int_equal(base_utf8_read(text, length, &character), bytes);
    assert_int_equal(character, expected);
}

static void characters_of_one_to_four_bytes_are_read(void **state)
{
    (void) state;
    assert_character("a", 1, 1, 'a');
    assert_character("\0", 1, 1, 0);
    assert_character("\x7f", 1, 1, 0x7f);
    assert_character("\xc2\x80", 2, 2, 0x80);
    assert_character("\xc3\xa9x", 3, 2, 0xe9);
    assert_character("\xe2\x82\xac", 3, 3, 0x20ac);
    assert_character("\xef\xbf\xbf", 3, 3, 0xffff);
    assert_character("\xf0\x90\x80\x80", 4, 4, 0x10000);
    assert_character("\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff);
}

static void what_is_not_utf8_is_no_character(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "\x80",             /* continues nothing */
        "\xc0\xaf",         /* overlong "/" */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong in three */
        "\xf0\x8f\xbf\xbf", /* overlong in four */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80", "\xff", "\xc3(", "\xe2\x82(", "\xf0\x90\x80(",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_character(bad[i], strlen(bad[i]), 0, '?');
}

static void character_cut_by_the_end_is_none(void **state)
{
    (void) state;
    assert_character("\xc3\xa9", 1, 0, '?');
    assert_character("\xe2\x82\xac", 2, 0, '?');
    assert_character("\xf0\x90\x80\x80", 3, 0, '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_one_to_four_bytes_are_read),
        cmocka_unit_test(what_is_not_utf8_is_no_character),
        cmocka_unit_test(character_cut_by_the_end_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
