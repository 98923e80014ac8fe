/* What was compared, as a table or as JSON. What is wanted stands in brackets. */
#include <math.h>
#include <string.h>

#include "reactor/base/json.h"
#include "tests/bench/workload/workload.h"

void workload_report_head(const struct workload *workload)
{
    printf("%s: million %s a second of user CPU, one thread; in brackets what is wanted\n", workload->name,
           workload->unit);
    printf("%10s  %15s  %15s  %-26s  %13s  %13s  %s\n", "peers", "engine", "limit", "ratio, and its spread",
           "bytes a peer", "start-up s", workload->check ? workload->check : "");
}

/* "12.3 (15)"; wanted 0: nothing is. */
static void print_wanted(int width, int decimals, double value, double wanted)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%.*f", decimals, value);
    if (wanted > 0)
        snprintf(text + length, sizeof text - (size_t) length, " (%.*g)", decimals + 3, wanted);
    printf("  %*s", width, text);
}

static void print_check(const struct workload_compared *compared)
{
    const struct workload_size *size = &compared->size;
    if (!isnan(compared->engine.check))
        printf("  %.3f", compared->engine.check);
    if (!isnan(compared->limit.check))
        printf("  limit %.3f", compared->limit.check);
    if (size->check_most > 0)
        printf(" (%.3g-%.3g)", size->check_least, size->check_most);
}

void workload_report_row(const struct workload *workload, const struct workload_compared *compared)
{
    const struct workload_size *size = &compared->size;
    char ratio[64];
    int length = snprintf(ratio, sizeof ratio, "%.3f", compared->ratio);
    if (size->ratio_wanted > 0)
        length += snprintf(ratio + length, sizeof ratio - (size_t) length, " (%.2g)", size->ratio_wanted);
    snprintf(ratio + length, sizeof ratio - (size_t) length, " %.3f-%.3f", compared->ratio_least, compared->ratio_most);
    printf("%10u", size->peers);
    print_wanted(15, 2, compared->engine_rate / 1e6, size->rate_wanted / 1e6);
    print_wanted(15, 2, compared->limit_rate / 1e6, size->limit_published / 1e6);
    printf("  %-26s", ratio);
    print_wanted(13, 0, compared->engine.peak_bytes / size->peers, size->bytes_wanted);
    print_wanted(13, 2, compared->engine.set_up_s, size->set_up_wanted_s);
    if (workload->check)
        print_check(compared);
    puts(compared->reached ? "" : "  NOT REACHED");
    fflush(stdout);
}

static void put_real(const char *key, double value)
{
    printf(", \"%s\": ", key);
    base_json_put_real(stdout, value);
}

static void put_wanted(const char *key, double value)
{
    put_real(key, value > 0 ? value : NAN);
}

static void put_size(const struct workload_compared *compared)
{
    const struct workload_size *size = &compared->size;
    printf("\n    {\"peers\": %u, \"repetitions\": %u, \"reached\": %s", size->peers, size->repetitions,
           compared->reached ? "true" : "false");
    put_real("virtual_s", size->duration_s);
    put_real("counted", compared->engine.counted);
    put_real("engine_per_s", compared->engine_rate);
    put_wanted("engine_per_s_wanted", size->rate_wanted);
    put_real("limit_per_s", compared->limit_rate);
    put_wanted("limit_per_s_published", size->limit_published);
    put_real("limit_counted", compared->limit.counted);
    put_real("ratio", compared->ratio);
    put_real("ratio_least", compared->ratio_least);
    put_real("ratio_most", compared->ratio_most);
    put_wanted("ratio_wanted", size->ratio_wanted);
    put_real("bytes_a_peer", compared->engine.peak_bytes / size->peers);
    put_wanted("bytes_a_peer_wanted", size->bytes_wanted);
    put_real("limit_bytes_a_peer", compared->limit.peak_bytes / size->peers);
    put_real("setup_s", compared->engine.set_up_s);
    put_wanted("setup_s_wanted", size->set_up_wanted_s);
    put_real("check", compared->engine.check);
    put_real("limit_check", compared->limit.check);
    putchar('}');
}

void workload_report_json(const struct workload *workload, const struct workload_compared *compared, uint32_t count)
{
    printf("{\"workload\": ");
    base_json_put_text(stdout, workload->name);
    printf(", \"unit\": ");
    base_json_put_text(stdout, workload->unit);
    printf(", \"check\": ");
    base_json_put_text(stdout, workload->check);
    printf(", \"sizes\": [");
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            putchar(',');
        put_size(&compared[i]);
    }
    puts("\n]}");
}
