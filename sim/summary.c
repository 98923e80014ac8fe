#include "sim/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/json.h"

void summary_done(struct summary *summary)
{
    free(summary->figures);
    free(summary->expectations);
    memset(summary, 0, sizeof *summary);
}

static struct figure *add(struct summary *summary, const char *path, enum figure_type type)
{
    if (summary->figure_count == summary->figure_capacity) {
        summary->figure_capacity = summary->figure_capacity ? 2 * summary->figure_capacity : 64;
        summary->figures = realloc(summary->figures, summary->figure_capacity * sizeof *summary->figures);
        base_assert(summary->figures);
    }
    struct figure *figure = &summary->figures[summary->figure_count++];
    *figure = (struct figure){.type = type};
    snprintf(figure->path, sizeof figure->path, "%s", path);
    return figure;
}

void summary_null(struct summary *summary, const char *path)
{
    add(summary, path, FIGURE_NULL);
}

void summary_integer(struct summary *summary, const char *path, uint64_t value)
{
    add(summary, path, FIGURE_INTEGER)->integer = value;
}

void summary_real(struct summary *summary, const char *path, double value)
{
    add(summary, path, isfinite(value) ? FIGURE_REAL : FIGURE_NULL)->real = value;
}

void summary_text(struct summary *summary, const char *path, const char *value)
{
    struct figure *figure = add(summary, path, FIGURE_TEXT);
    snprintf(figure->text, sizeof figure->text, "%s", value);
}

void summary_object(struct summary *summary, const char *path)
{
    add(summary, path, FIGURE_OBJECT);
}

const struct figure *summary_find(const struct summary *summary, const char *path)
{
    for (uint32_t i = 0; i < summary->figure_count; i++)
        if (strcmp(summary->figures[i].path, path) == 0)
            return &summary->figures[i];
    return NULL;
}

static const char *path_at(const void *context, size_t i)
{
    return ((const struct summary *) context)->figures[i].path;
}

static int refuse_path(const struct summary *summary, const struct topology_expectation *expectation,
                       struct base_diagnostics *diagnostics)
{
    char hint[160] = "peerlab run --json shows them all";
    const char *nearest = base_nearest_name(expectation->path, summary->figure_count, path_at, summary);
    if (nearest)
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest);
    base_diagnose(diagnostics, BASE_ERROR, expectation->place, hint, "no figure \"%.80s\"", expectation->path);
    return -EINVAL;
}

int summary_check_expectations(const struct summary *summary, const struct scenario *scenario,
                               struct base_diagnostics *diagnostics)
{
    int result = 0;
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        const struct topology_expectation *expectation = &scenario->expectations[i];
        const struct figure *figure = summary_find(summary, expectation->path);
        if (!figure && strncmp(expectation->path, "metrics.", strlen("metrics.")) != 0)
            result = refuse_path(summary, expectation, diagnostics);
        if (!figure || figure->type != FIGURE_TEXT)
            continue;
        base_diagnose(diagnostics, BASE_ERROR, expectation->place, NULL, "\"%s\" is text, not a number", figure->path);
        result = -EINVAL;
    }
    return result;
}

static bool holds(double figure, enum topology_comparison comparison, double value)
{
    switch (comparison) {
    case TOPOLOGY_LESS: return figure < value;
    case TOPOLOGY_AT_MOST: return figure <= value;
    case TOPOLOGY_MORE: return figure > value;
    case TOPOLOGY_AT_LEAST: return figure >= value;
    case TOPOLOGY_EQUAL: return figure == value;
    case TOPOLOGY_UNEQUAL: return figure != value;
    }
    return false;
}

void summary_expect(struct summary *summary, const struct scenario *scenario)
{
    summary->passed = true;
    summary->expectations = calloc(scenario->expectation_count + 1, sizeof *summary->expectations);
    base_assert(summary->expectations);
    for (uint32_t i = 0; i < scenario->expectation_count; i++) {
        const struct topology_expectation *expectation = &scenario->expectations[i];
        const struct figure *figure = summary_find(summary, expectation->path);
        double value = NAN;
        if (figure && figure->type == FIGURE_INTEGER)
            value = (double) figure->integer;
        else if (figure && figure->type == FIGURE_REAL)
            value = figure->real;
        bool pass = !isnan(value) && holds(value, expectation->comparison, expectation->value);
        summary->expectations[summary->expectation_count++] =
            (struct summary_expectation){.expectation = expectation, .value = value, .pass = pass};
        summary->passed &= pass;
    }
}

void figure_text(const struct figure *figure, char *text, size_t bytes)
{
    switch (figure->type) {
    case FIGURE_NULL: snprintf(text, bytes, "null"); break;
    case FIGURE_OBJECT: snprintf(text, bytes, "{}"); break;
    case FIGURE_TEXT: snprintf(text, bytes, "%s", figure->text); break;
    case FIGURE_INTEGER: snprintf(text, bytes, "%" PRIu64, figure->integer); break;
    case FIGURE_REAL: base_json_real(figure->real, text, bytes); break;
    }
}

static void put_value(FILE *out, const struct figure *figure)
{
    char text[96];
    if (figure->type == FIGURE_TEXT) {
        base_json_put_text(out, figure->text);
        return;
    }
    figure_text(figure, text, sizeof text);
    fputs(text, out);
}

/* How many dotted parents two paths share, and where the shared part ends in b. */
static uint32_t shared_parents(const char *a, const char *b, size_t *end)
{
    uint32_t shared = 0;
    *end = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '.') {
            shared++;
            *end = i + 1;
        }
    }
    return shared;
}

static uint32_t parents(const char *path)
{
    uint32_t count = 0;
    for (; *path; path++)
        count += *path == '.';
    return count;
}

/* Opens objects as paths descend, closes them as paths leave. */
static void put_figures(FILE *out, const struct summary *summary)
{
    const char *before = "";
    for (uint32_t i = 0; i < summary->figure_count; i++) {
        const struct figure *figure = &summary->figures[i];
        size_t at;
        uint32_t shared = shared_parents(before, figure->path, &at);
        for (uint32_t close = parents(before); close > shared; close--)
            fputc('}', out);
        fputs(i ? "," : "", out);
        for (const char *dot; (dot = strchr(figure->path + at, '.')); at = (size_t) (dot - figure->path) + 1)
            fprintf(out, "\"%.*s\":{", (int) (dot - figure->path - (ptrdiff_t) at), figure->path + at);
        fprintf(out, "\"%s\":", figure->path + at);
        put_value(out, figure);
        before = figure->path;
    }
    for (uint32_t close = parents(before); close > 0; close--)
        fputc('}', out);
}

char *summary_json(const struct summary *summary)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    base_assert(out);
    fputc('{', out);
    put_figures(out, summary);
    fputs(",\"expectations\":[", out);
    for (uint32_t i = 0; i < summary->expectation_count; i++) {
        const struct summary_expectation *expectation = &summary->expectations[i];
        struct figure value = {.type = isnan(expectation->value) ? FIGURE_NULL : FIGURE_REAL,
                               .real = expectation->value};
        fputs(i ? ",{\"text\":" : "{\"text\":", out);
        base_json_put_text(out, expectation->expectation->text);
        fputs(",\"value\":", out);
        put_value(out, &value);
        fprintf(out, ",\"pass\":%s}", expectation->pass ? "true" : "false");
    }
    fputs("]}\n", out);
    fclose(out);
    return text;
}
