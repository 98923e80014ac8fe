/* Parameters: the one table from which come YAML decoding, `peerlab list`, the reference, the JSON Schema and the
 * contract tests.
 *
 * A kind (an overlay, a latency model, a fault, ...) is a row: name, summary, source, and a table of parameters that are
 * decoded into a plain struct of parameters_bytes by offset. The loader knows rows only; what a kind does is behind
 * `ops`, which belongs to the folder above. */
#ifndef TOPOLOGIES_PARAMETER_H
#define TOPOLOGIES_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/diagnostic.h"
#include "reactor/base/distribution.h"

/* What a parameter's value looks like in YAML, and the C type at its offset. */
enum topology_type {
    TOPOLOGY_BOOLEAN,      /* bool                     true | false */
    TOPOLOGY_INTEGER,      /* uint64_t                 20 */
    TOPOLOGY_REAL,         /* double                   0.615 */
    TOPOLOGY_DURATION,     /* uint64_t, ns             50 ms (ns us ms s min h d) */
    TOPOLOGY_BYTES,        /* uint64_t                 128 KiB (B kB MB GB KiB MiB GiB) */
    TOPOLOGY_RATE,         /* uint64_t, bits a second  10 Mbit/s (bit/s kbit/s Mbit/s Gbit/s) */
    TOPOLOGY_SHARE,        /* uint32_t, ppb            0.1 % (0 % to 100 %) */
    TOPOLOGY_NAME,         /* uint32_t, index in names push-pull */
    TOPOLOGY_TEXT,         /* const char *             any */
    TOPOLOGY_DISTRIBUTION, /* struct base_distribution 50 ms | {exponential: 60 s} | {weibull: {shape: .., scale: ..}} */
    TOPOLOGY_PEERS,        /* struct topology_peers    home | [home, server] | all */
    TOPOLOGY_PEER_SETS,    /* struct topology_sets     [[home], [server]] */
    TOPOLOGY_FILE,         /* const struct topology_file *  rtt.txt, read when the scenario is loaded */
};

/* A file that the scenario names, as read. */
struct topology_file {
    struct base_source source;  /* name as it resolves, text and length */
    const char *name;           /* as written */
    struct base_place place;    /* of the name in the scenario */
};

/* Chosen groups, by ordinal, ascending, without repetition. */
struct topology_peers {
    const uint16_t *groups;
    uint32_t count;
    struct base_place place;
};

struct topology_sets {
    const struct topology_peers *sets;
    uint32_t count;
    struct base_place place;
};

struct topology_parameter {
    const char *key;
    enum topology_type type;
    size_t offset;             /* of the value in the kind's parameters struct */
    size_t set_offset;         /* of a bool that says whether it was given; 0: none is kept */
    const char *default_text;  /* as YAML would say it, decoded by the same code; NULL: required unless optional */
    bool optional;             /* may be absent without a default (then zero) */
    const char *minimum;       /* as YAML would say it; NULL: the type's own bound. TOPOLOGY_DISTRIBUTION: what a */
    const char *maximum;       /* constant span and the greatest of a uniform one must reach and not exceed */
    const char *const *names;  /* TOPOLOGY_NAME: NULL-terminated */
    unsigned distributions;    /* TOPOLOGY_DISTRIBUTION: mask of 1u << enum base_distribution_kind that are allowed */
    bool cut;                  /* TOPOLOGY_DISTRIBUTION: normal and lognormal are cut at their 0.1 % quantile */
    const char *about;         /* one sentence, with the unit's meaning */
};

struct topology_kind {
    const char *name;
    const char *summary;       /* one line */
    const char *source;        /* paper, RFC or BEP; "" where there is none */
    const struct topology_parameter *parameters;
    uint32_t parameter_count;
    size_t parameters_bytes;
    /* The parameter that a bare value sets: `constant: 50 ms`, `partition: [[a], [b]]`; NULL: a mapping is needed. */
    const char *bare;
    const void *ops;           /* the folder's above; never touched here */
};

/* All kinds of one sort, in the order in which they are listed. */
struct topology_registry {
    const char *name;          /* "overlays" */
    const char *singular;      /* "overlay", for messages */
    const struct topology_kind *const *kinds;
    uint32_t kind_count;
};

const struct topology_kind *topology_kind_find(const struct topology_registry *registry, const char *name);

/* The kinds that a scenario's keys name; handed to the loader by whoever has them. */
struct topology_vocabulary {
    const struct topology_registry *overlays;
    const struct topology_registry *latencies;
    const struct topology_registry *faults;
    const struct topology_registry *workloads;
    const struct topology_registry *churns;     /* how a churn entry says when peers come and go: session, trace */
    const struct topology_registry *transports;
    const struct topology_registry *graphs;     /* who knows whom at the start */
};

/* A kind chosen in a scenario, with its decoded parameters (in the scenario's arena). */
struct topology_choice {
    const struct topology_kind *kind;  /* NULL: not chosen */
    const void *parameters;
    struct base_place place;           /* of the kind's name */
    /* Where the parameter of this row index was written; line 0 where it was defaulted. */
    const struct base_place *parameter_places;
};

#endif
