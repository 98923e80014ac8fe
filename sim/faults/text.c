#include "sim/faults/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct fault_text fault_text_start(char *text, size_t bytes)
{
    if (bytes > 0)
        text[0] = '\0';
    return (struct fault_text) {.text = text, .bytes = bytes};
}

void fault_text_add(struct fault_text *out, const char *format, ...)
{
    if (out->length + 1 >= out->bytes)
        return;
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(out->text + out->length, out->bytes - out->length, format, arguments);
    va_end(arguments);
    out->length += added > 0 ? (size_t) added : 0;
}

/* value / unit in decimals, without zeros at the end. unit is a power of ten. */
static void add_decimal(struct fault_text *out, uint64_t value, uint64_t unit)
{
    fault_text_add(out, "%" PRIu64, value / unit);
    uint64_t rest = value % unit;
    if (rest > 0)
        fault_text_add(out, ".");
    while (rest > 0) {
        rest *= 10;
        fault_text_add(out, "%" PRIu64, rest / unit);
        rest %= unit;
    }
}

void fault_text_share(struct fault_text *out, uint32_t ppb)
{
    add_decimal(out, ppb, UINT64_C(10000000));
    fault_text_add(out, " %%");
}

void fault_text_span(struct fault_text *out, uint64_t span_ns)
{
    static const struct { const char *name; uint64_t ns; } decimal[] = {
        {"s", UINT64_C(1000000000)}, {"ms", 1000000}, {"us", 1000},
    };
    const uint64_t minute_ns = 60 * decimal[0].ns, hour_ns = 60 * minute_ns;
    if (span_ns > 0 && span_ns % hour_ns == 0) {
        fault_text_add(out, "%" PRIu64 " h", span_ns / hour_ns);
        return;
    }
    if (span_ns > 0 && span_ns % minute_ns == 0) {
        fault_text_add(out, "%" PRIu64 " min", span_ns / minute_ns);
        return;
    }
    for (size_t i = 0; i < sizeof decimal / sizeof *decimal; i++) {
        if (span_ns >= decimal[i].ns) {
            add_decimal(out, span_ns, decimal[i].ns);
            fault_text_add(out, " %s", decimal[i].name);
            return;
        }
    }
    fault_text_add(out, "%" PRIu64 " ns", span_ns);
}

void fault_text_peers(struct fault_text *out, const struct topology_peers *peers, const struct scenario *scenario)
{
    for (uint32_t i = 0; i < peers->count; i++)
        fault_text_add(out, "%s%s", i == 0 ? "" : ", ", scenario->groups[peers->groups[i]].name);
}

void fault_text_links(struct fault_text *out, const struct fault_links *links, const struct scenario *scenario)
{
    if (links->of.count > 0) {
        fault_text_add(out, " at ");
        fault_text_peers(out, &links->of, scenario);
    } else if (links->between.count > 0) {
        fault_text_add(out, " between ");
        fault_text_peers(out, &links->between.sets[0], scenario);
        fault_text_add(out, " and ");
        fault_text_peers(out, &links->between.sets[1], scenario);
    }
}
