#include "reactor/base/decimal.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>

#include "reactor/base/assert.h"

typedef unsigned __int128 uint128;

/* No exponent that a result can depend on comes near it; larger ones are as good as infinite. */
#define EXPONENT_MAX 4000000000000
#define POWER_EXACT_MAX 22 /* 10^22 is the last power of ten that a double holds exactly */

/* A number in text: its digits (a point among them or not) and where its point is. */
struct decimal {
    const char *digits;  /* "12.50": the text itself */
    size_t length;       /* of that text, point included */
    size_t point;        /* place of the point in it; length when it has none */
    size_t count;        /* digits */
    int64_t whole_count; /* digits before the point once the exponent moved it; may be negative or beyond count */
    size_t bytes;        /* of the whole number, exponent included */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_end(const char *text, size_t length, size_t from)
{
    while (from < length && is_digit(text[from]))
        from++;
    return from;
}

/* Reads e[+-]digits at from; returns where it ends, from itself if there is none ("12 e" is 12, and so is "12em"). */
static size_t read_exponent(const char *text, size_t length, size_t from, int64_t *exponent)
{
    *exponent = 0;
    if (from >= length || (text[from] != 'e' && text[from] != 'E'))
        return from;
    size_t start = from + 1;
    bool negative = start < length && text[start] == '-';
    if (start < length && (text[start] == '-' || text[start] == '+'))
        start++;
    size_t end = digits_end(text, length, start);
    if (end == start)
        return from;
    for (size_t i = start; i < end && *exponent < EXPONENT_MAX; i++)
        *exponent = *exponent * 10 + (text[i] - '0');
    if (negative)
        *exponent = -*exponent;
    return end;
}

static int read_text(const char *text, size_t length, struct decimal *decimal)
{
    if (length > INT_MAX)
        length = INT_MAX; /* the return value counts the bytes read */
    size_t point = digits_end(text, length, 0), end = point;
    if (point == 0)
        return -EINVAL;
    if (point + 1 < length && text[point] == '.' && is_digit(text[point + 1]))
        end = digits_end(text, length, point + 1);
    int64_t exponent;
    size_t bytes = read_exponent(text, length, end, &exponent);
    *decimal = (struct decimal){.digits = text, .length = end, .point = point, .bytes = bytes};
    decimal->count = end > point ? end - 1 : end;
    decimal->whole_count = (int64_t) point + exponent;
    return 0;
}

static unsigned digit_at(const struct decimal *decimal, size_t i)
{
    return (unsigned) (decimal->digits[i < decimal->point ? i : i + 1] - '0');
}

/* The whole part times factor; -ERANGE beyond 128 bits. Zeroes go on after the last digit. */
static int whole_times(const struct decimal *decimal, uint64_t factor, uint128 *product)
{
    uint128 whole = 0, whole_max = ~(uint128) 0 / factor;
    for (int64_t i = 0; i < decimal->whole_count; i++) {
        bool within = (uint64_t) i < decimal->count;
        if (!within && whole == 0)
            break;
        unsigned digit = within ? digit_at(decimal, (size_t) i) : 0;
        if (whole > (whole_max - digit) / 10)
            return -ERANGE;
        whole = whole * 10 + digit;
    }
    *product = whole * factor;
    return 0;
}

/* The fraction times factor: its whole part, and in *tenth the first decimal digit of the rest (all that rounding can
 * depend on). Long multiplication from the last digit, so it is exact however many digits there are. */
static uint64_t fraction_times(const struct decimal *decimal, uint64_t factor, unsigned *tenth)
{
    uint128 carry = 0;
    *tenth = 0;
    int64_t first = decimal->whole_count > 0 ? decimal->whole_count : 0;
    for (int64_t i = (int64_t) decimal->count - 1; i >= first; i--) {
        carry += (uint128) digit_at(decimal, (size_t) i) * factor;
        *tenth = (unsigned) (carry % 10);
        carry /= 10;
    }
    for (int64_t i = decimal->whole_count; i < 0; i++) { /* zeroes between the point and the first digit */
        *tenth = (unsigned) (carry % 10);
        if (carry == 0)
            break;
        carry /= 10;
    }
    return (uint64_t) carry;
}

int base_decimal_read(const char *text, size_t length, uint64_t numerator, uint64_t denominator, uint64_t *value)
{
    base_assert(numerator > 0 && denominator > 0);
    struct decimal decimal;
    int result = read_text(text, length, &decimal);
    if (result < 0)
        return result;
    uint128 product;
    result = whole_times(&decimal, numerator, &product);
    if (result < 0)
        return result;
    unsigned tenth;
    uint128 rest = product % denominator + fraction_times(&decimal, numerator, &tenth);
    uint128 quotient = product / denominator + rest / denominator;
    rest %= denominator;
    /* The remainder is rest + 0.tenth...; half of denominator or more of it rounds up. */
    if (2 * rest >= denominator || (2 * rest + 1 == denominator && tenth >= 5))
        quotient++;
    if (quotient > UINT64_MAX)
        return -ERANGE;
    *value = (uint64_t) quotient;
    return (int) decimal.bytes;
}

/* 10^exponent for exponent <= POWER_EXACT_MAX: every product on the way is exact. */
static double power_of_ten(uint64_t exponent)
{
    double power = 1;
    for (uint64_t i = 0; i < exponent; i++)
        power *= 10;
    return power;
}

/* value * 10^exponent: one rounded step for each 22 powers. Digits below 2^53 with |exponent| <= 22, which is what
 * people write, come out correctly rounded (Clinger 1990). */
static double scale_by_ten(double value, int64_t exponent)
{
    uint64_t powers = (uint64_t) (exponent < 0 ? -exponent : exponent);
    while (powers > 0 && value != 0 && value <= __DBL_MAX__) {
        uint64_t step = powers < POWER_EXACT_MAX ? powers : POWER_EXACT_MAX;
        value = exponent < 0 ? value / power_of_ten(step) : value * power_of_ten(step);
        powers -= step;
    }
    return value;
}

int base_decimal_read_real(const char *text, size_t length, double *value)
{
    size_t sign_bytes = length > 0 && (text[0] == '-' || text[0] == '+');
    struct decimal decimal;
    int result = read_text(text + sign_bytes, length - sign_bytes, &decimal);
    if (result < 0)
        return result;
    /* The first 19 digits that count: all that 64 bits are sure to hold. What is cut off is below 10^-18 of it. */
    uint64_t mantissa = 0;
    size_t used = 0;
    for (; used < decimal.count && mantissa < UINT64_C(1000000000000000000); used++)
        mantissa = mantissa * 10 + digit_at(&decimal, used);
    double magnitude = scale_by_ten((double) mantissa, decimal.whole_count - (int64_t) used);
    if (magnitude > __DBL_MAX__)
        return -ERANGE;
    *value = sign_bytes == 1 && text[0] == '-' ? -magnitude : magnitude;
    return (int) (decimal.bytes + sign_bytes);
}
