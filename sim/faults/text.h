/* Says what a fault does in a few words, for the trace and for `peerlab plan`. */
#ifndef SIM_FAULTS_TEXT_H
#define SIM_FAULTS_TEXT_H

#include "sim/faults/faults.h"

/* A caller's buffer being filled; what does not fit is cut. */
struct fault_text {
    char *text;
    size_t bytes, length;
};

struct fault_text fault_text_start(char *text, size_t bytes);
void fault_text_add(struct fault_text *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fault_text_share(struct fault_text *out, uint32_t ppb);                 /* "0.1 %" */
void fault_text_span(struct fault_text *out, uint64_t span_ns);              /* "5 min", "1.5 ms" */
void fault_text_peers(struct fault_text *out, const struct topology_peers *peers, const struct scenario *scenario);
void fault_text_links(struct fault_text *out, const struct fault_links *links, const struct scenario *scenario);

#endif
