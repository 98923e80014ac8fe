/* What a loop has done: counters, gauges and histograms, kept by its thread, readable at any time and from any thread.
 *
 * Each number is one 64-bit word that only the loop's thread writes, relaxed; so reading takes no lock and makes nobody
 * wait, and each number is whole, but two of them may be a handler apart. What costs a clock read a call is only kept
 * where the option measure_times asks for it (or handler_budget_ns, for handler_ns). Rates are the difference of two
 * snapshots. */
#ifndef REACTOR_STATISTICS_H
#define REACTOR_STATISTICS_H

#include <stdint.h>

#include "reactor/api.h"

REACTOR_API_BEGIN

struct reactor_loop;

/* Values below 16 have a cell of their own, greater ones share it with those within an eighth of their power of two: a
 * quantile is within 6 %. From 2^40 on (18 minutes, in ns) all are in the last cell. */
#define REACTOR_HISTOGRAM_CELLS 304

struct reactor_histogram {
    uint64_t most; /* the greatest value */
    uint64_t cells[REACTOR_HISTOGRAM_CELLS];
};

uint64_t reactor_histogram_count(const struct reactor_histogram *histogram);
/* The value at or below which a share of the values lies (p99: 990000 ppm). 0 when there is none. */
uint64_t reactor_histogram_quantile(const struct reactor_histogram *histogram, uint32_t ppm);
double reactor_histogram_mean(const struct reactor_histogram *histogram); /* within 6 %; 0 when there is none */
/* Takes an earlier snapshot's values out: what came since. `most` is then within 6 %, too. */
void reactor_histogram_since(struct reactor_histogram *histogram, const struct reactor_histogram *earlier);

struct reactor_statistics {
    /* Counted since the loop was created. */
    uint64_t turns, waits;           /* waits: turns that might sleep */
    uint64_t descriptor_events, stale_events; /* stale: of a handler that was detached meanwhile */
    uint64_t entries;                /* dispatched when due */
    uint64_t posts, posts_refused;   /* refused: at posted_max */
    uint64_t tasks;                  /* submitted to the loop */
    uint64_t timers_refused;         /* handlers' and streams': at timers_max or entries_max */
    uint64_t handlers_refused;       /* at handlers_max */
    uint64_t over_budget;            /* handler calls that took longer than handler_budget_ns */
    uint64_t over_budget_longest_ns;
    const char *over_budget_name;    /* of the longest: the handler's name, or its class */
    uint64_t bytes_received, bytes_sent;    /* by streams */
    uint64_t stream_sends;                  /* to the kernel */
    uint64_t stream_coalesced;              /* writes that joined what was pending already */
    uint64_t stream_writes_refused;         /* at output_max: the peer reads too slowly */
    uint64_t datagrams_received, datagram_receive_calls, datagrams_sent, datagram_send_calls;
    uint64_t datagrams_refused;             /* at output_max */
    uint64_t violations;             /* reactor_stream_fail */
    uint64_t timed_out;              /* streams by connect_timeout or idle_timeout */
    uint64_t accepted, refused;      /* by listeners; refused: closed at connections_max */
    uint64_t accept_pauses;          /* no descriptor or memory was left */
    uint64_t accept_waits;           /* at connections_max, the rest left in the backlog */
    uint64_t receives_exhausted;     /* io_uring: its buffers were all out, receiving stood still */
    uint64_t uring_enters;           /* io_uring: system calls */
    /* As they were at the end of the last turn. */
    uint64_t handlers;               /* attached */
    uint64_t entries_pending;        /* in the timed queue, disarmed timers not swept out yet included */
    /* Histograms. */
    struct reactor_histogram events_a_turn; /* descriptors, tasks, posts and entries together */
    struct reactor_histogram queue_depth;   /* entries_pending at each turn's end */
    struct reactor_histogram entry_lag_ns;  /* real time: dispatch of the turn's due entries - due, of each */
    struct reactor_histogram post_lag_ns;   /* measure_times: dispatch - posting, of the first post of each burst */
    struct reactor_histogram handler_ns;    /* measure_times: of each call out of the loop */
};

/* Of the loop's thread: in place. */
const struct reactor_statistics *reactor_loop_statistics(const struct reactor_loop *loop);
/* From any thread while the loop exists: a copy (12 KiB, about a microsecond). */
void reactor_loop_statistics_read(const struct reactor_loop *loop, struct reactor_statistics *snapshot);

REACTOR_API_END

#endif
