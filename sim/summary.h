/* The summary of a run: figures in the order and under the paths of `run --json` (DESIGN.md section 6).
 *
 * One list serves the JSON, the table, the trace's `run` rows and `expect`. A figure that does not apply is null. */
#ifndef SIM_SUMMARY_H
#define SIM_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topologies/scenario.h"

enum figure_type { FIGURE_NULL, FIGURE_INTEGER, FIGURE_REAL, FIGURE_TEXT, FIGURE_OBJECT /* an empty {} */ };

struct figure {
    char path[96];       /* "lookups.success_ratio"; figures of one object stand together */
    enum figure_type type;
    uint64_t integer;
    double real;
    char text[96];
};

struct summary_expectation {
    const struct topology_expectation *expectation;
    double value;        /* NaN: null */
    bool pass;
};

struct summary {
    struct figure *figures;
    uint32_t figure_count, figure_capacity;
    struct summary_expectation *expectations;
    uint32_t expectation_count;
    bool passed;         /* all expectations */
};

void summary_done(struct summary *summary);
void summary_null(struct summary *summary, const char *path);
void summary_integer(struct summary *summary, const char *path, uint64_t value);
void summary_real(struct summary *summary, const char *path, double value); /* NaN: null */
void summary_text(struct summary *summary, const char *path, const char *value);
void summary_object(struct summary *summary, const char *path); /* an empty object */
const struct figure *summary_find(const struct summary *summary, const char *path);
/* A figure's value as text, as JSON would write it but without quotes. */
void figure_text(const struct figure *figure, char *text, size_t bytes);
/* Before a run, with all figures in place: -EINVAL with diagnostics when an expectation names none of them, or one that
 * is no number. A metric of another overlay is none of this run's, but not a mistake: it will be null. */
int summary_check_expectations(const struct summary *summary, const struct scenario *scenario,
                               struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
/* Judges the scenario's expectations; a null fails. */
void summary_expect(struct summary *summary, const struct scenario *scenario);
/* The whole as one JSON object with a final newline; caller frees. Numbers as short as they read back the same. */
char *summary_json(const struct summary *summary);

#endif
