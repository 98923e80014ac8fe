/* The rows of the table in registry.c (internal). */
#ifndef REACTOR_DEMULTIPLEXERS_DEMULTIPLEXERS_H
#define REACTOR_DEMULTIPLEXERS_DEMULTIPLEXERS_H

#include <time.h>

#include "reactor/demultiplexer.h"

extern const struct reactor_demultiplexer_ops reactor_demultiplexer_none, reactor_demultiplexer_select,
    reactor_demultiplexer_poll, reactor_demultiplexer_epoll, reactor_demultiplexer_io_uring;

/* NULL for REACTOR_WAIT_FOREVER, which the kernel takes for just that. */
static inline struct timespec *demultiplexer_timeout(uint64_t timeout_ns, struct timespec *timeout)
{
    if (timeout_ns == REACTOR_WAIT_FOREVER)
        return NULL;
    *timeout = (struct timespec){(time_t) (timeout_ns / 1000000000u), (long) (timeout_ns % 1000000000u)};
    return timeout;
}

#endif
