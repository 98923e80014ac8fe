#include "sim/latencies/table.h"

#include <errno.h>

#include "reactor/base/decimal.h"

const char *const latency_units[] = {"ns", "us", "ms", "s", NULL};
const char *const latency_senses[] = {"round-trip", "one-way", NULL};

struct latency_scale latency_scale_of(uint32_t unit, uint32_t sense)
{
    static const uint64_t ns[] = {1, 1000, 1000000, 1000000000};
    struct latency_scale scale = {.numerator = ns[unit], .denominator = sense == LATENCY_ROUND_TRIP ? 2 : 1};
    return scale;
}

struct base_place latency_place(const struct base_source *source, size_t offset)
{
    struct base_place place = {.source = source, .line = 1, .column = 1};
    for (size_t i = 0; i < offset; i++) {
        place.column++;
        if (source->text[i] == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

int latency_read_cell(const struct base_source *source, size_t offset, size_t length, struct latency_scale scale,
                      uint64_t *delay_ns, struct base_diagnostics *diagnostics)
{
    const char *text = source->text + offset;
    int read = base_decimal_read(text, length, scale.numerator, scale.denominator, delay_ns);
    if (read > 0 && (size_t) read == length && *delay_ns <= INT64_MAX)
        return 0;
    int shown = length < 40 ? (int) length : 40;
    if (read == -ERANGE || (read > 0 && (size_t) read == length))
        base_diagnose(diagnostics, BASE_ERROR, latency_place(source, offset), NULL, "a delay of \"%.*s\" is too large",
                      shown, text);
    else
        base_diagnose(diagnostics, BASE_ERROR, latency_place(source, offset), "a decimal number of at least 0 is needed",
                      "\"%.*s\" is not a delay", shown, text);
    return -EINVAL;
}
