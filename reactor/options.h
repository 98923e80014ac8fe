/* Which values of the options make sense. Each open or create below refuses with -EINVAL what these refuse; called
 * beforehand they say in words which option it is and what it may be, each on a line of its own. diagnostics may be
 * NULL. 0 always stands for the documented default. */
#ifndef REACTOR_OPTIONS_H
#define REACTOR_OPTIONS_H

#include "reactor/base/diagnostic.h"
#include "reactor/datagram.h"
#include "reactor/listener.h"
#include "reactor/loop.h"
#include "reactor/loops.h"
#include "reactor/offload.h"
#include "reactor/stream.h"
#include "reactor/threads.h"

REACTOR_API_BEGIN

/* Each: 0, or -EINVAL, diagnosed. */
int reactor_loop_options_check(const struct reactor_loop_options *options, struct base_diagnostics *diagnostics);
int reactor_stream_options_check(const struct reactor_stream_options *options, struct base_diagnostics *diagnostics);
int reactor_listener_options_check(const struct reactor_listener_options *options, struct base_diagnostics *diagnostics);
int reactor_datagrams_options_check(const struct reactor_datagrams_options *options,
                                    struct base_diagnostics *diagnostics);
int reactor_threads_options_check(const struct reactor_threads_options *options, struct base_diagnostics *diagnostics);
int reactor_loops_listen_options_check(const struct reactor_loops_listen_options *options,
                                       struct base_diagnostics *diagnostics);
int reactor_offload_options_check(const struct reactor_offload_options *options, struct base_diagnostics *diagnostics);

REACTOR_API_END

#endif
