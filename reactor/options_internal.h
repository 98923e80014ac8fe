/* Options with their defaults filled in (internal). */
#ifndef REACTOR_OPTIONS_INTERNAL_H
#define REACTOR_OPTIONS_INTERNAL_H

#include "reactor/loop.h"
#include "reactor/stream.h"

#define BYTES_A_TURN_LEAST 4096u /* a page: less is a system call a few lines */
#define HANDLERS_MAX (1u << 22) /* an address-space bound; the kernel's limit on descriptors comes first */
#define OFFLOAD_JOBS_MOST 65535u /* a ticket has 16 bits for the slot */

/* Of options that were checked: none is 0 but what 0 means something for (handler_budget_ns, scale_ppm). */
struct reactor_loop_options loop_options_filled(const struct reactor_loop_options *options);
/* NULL: all defaults. */
struct reactor_stream_options stream_options_filled(const struct reactor_stream_options *options);

#endif
