#include "topologies/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/decimal.h"

static const struct topology_unit duration_units[] = {
    {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)}, {"d", UINT64_C(86400000000000)}, {NULL, 0},
};
static const struct topology_unit byte_units[] = {
    {"B", 1}, {"kB", 1000}, {"KiB", 1024}, {"MB", 1000000}, {"MiB", 1048576}, {"GB", 1000000000},
    {"GiB", 1073741824}, {NULL, 0},
};
static const struct topology_unit rate_units[] = {
    {"bit/s", 1}, {"kbit/s", 1000}, {"Mbit/s", 1000000}, {"Gbit/s", 1000000000}, {NULL, 0},
};
static const struct topology_unit share_units[] = {{"%", 10000000}, {NULL, 0}};

const struct topology_unit *topology_units(enum topology_type type)
{
    switch (type) {
    case TOPOLOGY_DURATION: return duration_units;
    case TOPOLOGY_BYTES: return byte_units;
    case TOPOLOGY_RATE: return rate_units;
    case TOPOLOGY_SHARE: return share_units;
    default: return NULL;
    }
}

uint64_t topology_quantity_max(enum topology_type type)
{
    /* Spans are signed 64-bit nanoseconds elsewhere: 292 years. Bytes and rates get the same room. */
    return type == TOPOLOGY_SHARE ? 1000000000 : INT64_MAX;
}

/* Where the unit begins: after the number and the blanks behind it. The e of 1e3 is the number's. */
static const char *find_unit(const char *text)
{
    const char *end = text + strlen(text);
    const char *unit = end;
    while (unit > text && !strchr("0123456789. \t", unit[-1]))
        unit--;
    return unit;
}

enum topology_quantity_error topology_quantity_read(enum topology_type type, const char *text, uint64_t *value,
                                                    const char **unit)
{
    *unit = find_unit(text);
    const char *number_end = *unit;
    while (number_end > text && (number_end[-1] == ' ' || number_end[-1] == '\t'))
        number_end--;
    bool negative = *text == '-';
    const char *number = text + negative;
    if (number_end <= number)
        return TOPOLOGY_QUANTITY_NO_NUMBER;
    size_t length = (size_t) (number_end - number);
    int read = base_decimal_read(number, length, 1, 1, value);
    if (read == -EINVAL || (read > 0 && (size_t) read != length))
        return TOPOLOGY_QUANTITY_NO_NUMBER;
    if (!**unit)
        return TOPOLOGY_QUANTITY_NO_UNIT;
    const struct topology_unit *known = topology_units(type);
    while (known->name && strcmp(known->name, *unit) != 0)
        known++;
    if (!known->name)
        return TOPOLOGY_QUANTITY_UNKNOWN_UNIT;
    read = base_decimal_read(number, length, known->factor, 1, value);
    if (negative && (read < 0 || *value > 0))
        return TOPOLOGY_QUANTITY_NEGATIVE;
    return read < 0 || *value > topology_quantity_max(type) ? TOPOLOGY_QUANTITY_TOO_LARGE : TOPOLOGY_QUANTITY_GOOD;
}

static const char *share_text(struct base_arena *arena, uint64_t ppb)
{
    char *text = base_arena_printf(arena, "%" PRIu64 ".%07" PRIu64, ppb / 10000000, ppb % 10000000);
    size_t length = strlen(text);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    return base_arena_printf(arena, "%.*s %%", (int) length, text);
}

const char *topology_quantity_text(struct base_arena *arena, enum topology_type type, uint64_t value)
{
    if (type == TOPOLOGY_SHARE)
        return share_text(arena, value);
    const struct topology_unit *units = topology_units(type);
    const struct topology_unit *best = units;
    if (value == 0 && type == TOPOLOGY_DURATION)
        return "0 s";
    for (const struct topology_unit *unit = units; unit->name && value > 0; unit++)
        if (value % unit->factor == 0)
            best = unit;
    return base_arena_printf(arena, "%" PRIu64 " %s", value / best->factor, best->name);
}

const char *topology_real_text(struct base_arena *arena, double value)
{
    for (int digits = 1; digits < 17; digits++) {
        char text[40];
        double back;
        int length = snprintf(text, sizeof text, "%.*g", digits, value);
        if (base_decimal_read_real(text, (size_t) length, &back) == length && back == value)
            return base_arena_copy_text(arena, text, (size_t) length);
    }
    return base_arena_printf(arena, "%.17g", value);
}
