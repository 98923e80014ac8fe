/* The network between peers: what becomes of a message. The same code under every transport and clock.
 *
 * A message from a to b sent at t arrives at t + queue + delay, or is dropped for a reason. Latency comes from one model
 * (latencies/), drawn once for an unordered pair or for each message; jitter for each message, never taking a delay below
 * half of its base; loss for each message; faults change all that while they last, as pure functions of time. All draws
 * are keyed by the two ends' (group name, index) and the sender's count. The least delay between two peers is 1 ns; a
 * message to oneself has none and is never lost. Immutable after creation but for a cache of which faults are active. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "reactor/base/random.h"
#include "sim/identity.h"

/* Why a message was dropped; DELIVERED and IN_FLIGHT are fates too (trace table `fate`). */
enum network_fate {
    NETWORK_DELIVERED, NETWORK_IN_FLIGHT, NETWORK_LOSS, NETWORK_PARTITION, NETWORK_TARGET_DOWN, NETWORK_NO_ROUTE,
    NETWORK_QUEUE_FULL, NETWORK_TOO_LARGE, NETWORK_MALFORMED, NETWORK_FATES
};
extern const char *const network_fate_names[NETWORK_FATES]; /* "delivered" ... */

/* The two ends of a message, as models and faults see them. */
struct network_ends {
    uint32_t from, to;             /* peer indices */
    uint32_t from_group, to_group; /* ordinals */
};

/* A latency model: ops of a row in latencies/registry.c. */
struct latency_ops {
    /* Builds the model from the decoded parameters (in identity->arena; NULL ops->bind: the parameters are the model).
     * 0, or negative with diagnostics located in the scenario or in the data file. */
    int (*bind)(const struct topology_choice *choice, const struct identity *identity, const void **model,
                struct base_diagnostics *diagnostics);
    /* One-way delay in ns. bits: 64 uniform bits of the pair or of the message; NULL-free; O(1). */
    uint64_t (*delay)(const void *model, const struct network_ends *ends, uint64_t bits);
    uint64_t (*least)(const void *model); /* over all pairs, before jitter and faults */
    /* Where delay is uniform in the nanoseconds [*least_ns, *least_ns + *delays), as base_random_below says of bits. NULL:
     * it is not. */
    void (*uniform)(const void *model, uint64_t *least_ns, uint64_t *delays);
    bool draws;                           /* whether delay looks at bits */
    bool constant;                        /* whether all pairs have the least delay: the network then asks only once */
};

/* What the faults active now do to a message. */
struct network_effect {
    bool blocked;
    uint32_t loss_ppb;   /* added up, at most 10^9 */
    uint64_t delay_ppm;  /* multiplied, 1000000: unchanged */
    uint64_t delay_add_ns;
};

/* A fault: ops of a row in faults/registry.c. A fault strikes peers (victims, used by the plan) at one instant, or links
 * (link) in [at, at + for), without `for` to the end of the run. One without `link` refuses `for`. network_create binds. */
struct fault_ops {
    /* Checks what the table cannot say (an empty partition, restart_after without ...). NULL: nothing more. */
    int (*bind)(const struct topology_fault *fault, const struct scenario *scenario,
                struct base_diagnostics *diagnostics);
    /* Chooses among the candidate_count peers up at its instant (ascending); keys[i] is candidate i's random key for this
     * fault. Writes the victims' positions, ascending; returns how many. NULL: strikes no peers. */
    uint32_t (*victims)(const void *parameters, const struct identity *identity, const uint32_t *candidates,
                        const uint64_t *keys, uint32_t candidate_count, uint32_t *victims);
    uint64_t (*restart_after_ns)(const void *parameters); /* UINT64_MAX: not before the end; NULL with victims NULL */
    /* Adds what it does to a message between ends. NULL: nothing. */
    void (*link)(const void *parameters, const struct network_ends *ends, struct network_effect *effect);
    uint64_t (*least_delay_ppm)(const void *parameters); /* how much it can shorten delays; NULL: not at all (1000000) */
    void (*describe)(const void *parameters, const struct scenario *scenario, char *text, size_t bytes); /* detail */
};

/* The plain case, to be looked at before the network is asked: before until_ns nothing is lost, disturbed or struck, and
 * a message between two different peers takes delay_ns, or network_delay where that is 0. The network begins with it. */
struct network_quick {
    uint64_t delay_ns;
    uint64_t until_ns; /* 0: it is not plain */
    uint64_t least_ns, delays; /* where delay_ns is 0: uniform for each message, so many delays from least_ns on; delays 0: it
                                  is not that, or there are several groups */
    uint64_t latency_key, group_key;
};

struct network;

static inline const struct network_quick *network_quick(const struct network *network)
{
    return (const struct network_quick *) (const void *) network;
}

#define NETWORK_FROM_STEP UINT64_C(0xd1342543de82ef95)
#define NETWORK_TO_STEP UINT64_C(0xaf251af3b0f025b5)

/* A message's own bits, of its two ends' marks: different in both directions. The sender's side is mixed first: it is known
 * early, and what waits for the target is one mixing, not three. */
static inline uint64_t network_bits(uint64_t purpose_key, uint64_t from_mark, uint64_t to_mark, uint32_t count)
{
    return base_random_mix(base_random_at(from_mark ^ purpose_key, count) + to_mark);
}

/* What network_delay says, where quick->delays is not 0. */
static inline uint64_t network_quick_draw(const struct network_quick *quick, uint32_t from, uint32_t to, uint32_t count)
{
    uint64_t bits = network_bits(quick->latency_key, quick->group_key + (from + UINT64_C(1)) * NETWORK_FROM_STEP,
                                 quick->group_key + (to + UINT64_C(1)) * NETWORK_TO_STEP, count);
    return quick->least_ns + base_random_below(bits, quick->delays);
}

/* What the latency model alone says of a message. */
uint64_t network_delay(const struct network *network, const struct network_ends *ends, uint32_t count);

int network_create(struct network **network, const struct identity *identity, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
void network_free(struct network *network);

struct network_verdict {
    uint64_t delay_ns;        /* valid when fate is NETWORK_IN_FLIGHT */
    uint64_t queue_ns;        /* waited for the access links; 0 until they are built */
    enum network_fate fate;   /* NETWORK_IN_FLIGHT: will arrive; else why it was dropped at sending */
};
/* The sender's side. count: the sender's count of entries, which keys this message's draws. Hot path. */
struct network_verdict network_send(struct network *network, const struct network_ends *ends, uint64_t now_ns,
                                    uint32_t count, uint32_t bytes);
/* The receiver's side, at arrival: NETWORK_DELIVERED or NETWORK_PARTITION. Hot path. */
enum network_fate network_arrive(struct network *network, const struct network_ends *ends, uint64_t now_ns);

/* When faults change what network_send answers next, and going there: network_send and network_arrive do it by themselves
 * when now_ns grows beyond; where several threads ask they only may ask about instants before the boundary. */
uint64_t network_boundary_ns(const struct network *network); /* UINT64_MAX: never */
void network_advance(struct network *network, uint64_t now_ns);

/* The least delay between any two peers at any time of the run, faults and jitter included, at least 1 ns: the lookahead
 * of parallel runs. */
uint64_t network_least_delay_ns(const struct network *network);

#endif
