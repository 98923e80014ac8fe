/* What the parts of the loader share: the state of one loading, and how mistakes are told.
 *
 * Every decoding function returns 0, or -EINVAL after diagnosing; decoding goes on after a mistake, so that up to 20
 * are told at once, and topology_load looks at the number of errors in the end. */
#ifndef TOPOLOGIES_LOADER_H
#define TOPOLOGIES_LOADER_H

#include "topologies/load.h"
#include "topologies/sections.h"
#include "topologies/tree.h"

#define TOPOLOGY_SCENARIO_BYTES_MAX (4u << 20)
#define TOPOLOGY_FILE_BYTES_MAX (64u << 20)
#define TOPOLOGY_FILES_MAX 256u               /* distinct files that a scenario names */
#define TOPOLOGY_FILES_BYTES_MAX (256u << 20) /* all of them together */
#define TOPOLOGY_GROUPS_MAX 65535u            /* ordinals have 16 bits */
#define TOPOLOGY_PEERS_MAX ((UINT64_C(1) << 31) - (UINT64_C(1) << 20))

struct topology_group_name {
    const char *name;
    uint16_t ordinal;
};

struct topology_loader {
    struct base_arena *arena;
    struct base_diagnostics *diagnostics;
    const struct topology_vocabulary *vocabulary;
    const struct topology_reader *reader;
    struct scenario *scenario;
    const struct base_source *source;         /* the scenario file's */
    struct topology_group_name *group_names;  /* ascending by name; there once the groups are decoded */
    const uint16_t *all_groups;               /* 0, 1, 2 ...: what `all` chooses, shared by all who do */
    bool *group_marks;                        /* one a group, false between uses */
    uint32_t group_count;                     /* entries of `peers`, well-formed or not */
    bool groups_known;                        /* false after a mistake in `peers`: a missing name is then no news */
    struct topology_file **files;
    uint32_t file_count, file_capacity;
    uint64_t file_bytes;
};

/* One key and its value, as given; used once something decoded it. */
struct topology_pair {
    const struct topology_node *key;
    struct topology_node *value;
    bool used;
};

/* The keys that one thing was given, gathered from one mapping or two (a fault's parameters may stand inside its kind's
 * mapping or beside it). It collects the keys that were asked for, so that topology_view_close can name the nearest. */
#define TOPOLOGY_KNOWN_MAX 96
struct topology_view {
    const char *owner;        /* "the scenario", "a fault": for messages */
    struct base_place place;  /* where a missing key is told */
    struct topology_pair *pairs;
    uint32_t pair_count;
    const char *known[TOPOLOGY_KNOWN_MAX];
    uint32_t known_count;
};

/* -EINVAL, diagnosed, when node is not a mapping. */
int topology_view_open(struct topology_loader *loader, struct topology_view *view, const char *owner,
                       struct topology_node *node);
/* Adds the pairs of another mapping; a key that is there already is diagnosed as a duplicate. */
void topology_view_merge(struct topology_loader *loader, struct topology_view *view, const struct topology_node *node);
/* The pair of a key, marked used, or NULL. Either way the key is known from then on. */
struct topology_pair *topology_view_take(struct topology_view *view, const char *key);
/* The same; a missing key or one without a value is diagnosed, and NULL. */
struct topology_pair *topology_view_require(struct topology_loader *loader, struct topology_view *view,
                                            const char *key);
/* The same, without demanding the key. */
struct topology_pair *topology_view_optional(struct topology_loader *loader, struct topology_view *view,
                                             const char *key);
/* A key of the contract that this build does not have: diagnosed where given. */
void topology_view_unbuilt(struct topology_loader *loader, struct topology_view *view, const char *key);
/* Diagnoses the keys that nothing used. */
void topology_view_close(struct topology_loader *loader, struct topology_view *view);

/* "did you mean "X"?" for the nearest of the names, or "" when none is near; the buffer is the hint. */
#define TOPOLOGY_HINT_BYTES 128
const char *topology_did_you_mean(char hint[TOPOLOGY_HINT_BYTES], const char *word, const char *const *names,
                                  size_t count);

/* Decodes a table of parameters from the view into the struct at `out`; places (may be NULL) gets where each was
 * written. Missing ones are given their default, or diagnosed. */
int topology_decode_table(struct topology_loader *loader, struct topology_view *view,
                          const struct topology_parameter *parameters, uint32_t count, void *out,
                          struct base_place *places);
/* Decodes one value, checked against the parameter's type and range, into `out` (already at the offset). */
int topology_decode_value(struct topology_loader *loader, const struct topology_parameter *parameter,
                          struct topology_node *node, void *out);
/* The types that choose among groups (selector.c), and files (files.c). */
int topology_decode_peers(struct topology_loader *loader, const char *key, const struct topology_node *node,
                          struct topology_peers *peers);
int topology_decode_sets(struct topology_loader *loader, const char *key, const struct topology_node *node,
                         struct topology_sets *sets);
int topology_decode_file(struct topology_loader *loader, struct topology_node *node,
                         const struct topology_file **file);
int topology_decode_distribution(struct topology_loader *loader, const struct topology_parameter *parameter,
                                 struct topology_node *node, struct base_distribution *distribution);
/* What stands under a distribution's name: `[10 ms, 90 ms]` of a uniform one. */
int topology_decode_distribution_argument(struct topology_loader *loader, const struct topology_parameter *parameter,
                                          enum base_distribution_kind kind, struct topology_node *node,
                                          struct base_distribution *distribution);

/* Finds the one kind of the registry that the view's keys name, merges its mapping into the view and decodes its
 * parameters. Keys that were taken before, or are of `beside` (may be NULL), are not mistaken for a misspelt kind. */
int topology_choose(struct topology_loader *loader, struct topology_view *view,
                    const struct topology_registry *registry, const struct topology_section *beside,
                    struct topology_choice *choice);
/* A kind by name, as in `overlay: {protocol: NAME}`; what else is in the view are its parameters. */
int topology_choose_named(struct topology_loader *loader, struct topology_view *view,
                          const struct topology_registry *registry, const struct topology_node *name,
                          struct topology_choice *choice);
/* The kind of which the view uses a parameter, as in churn. */
int topology_choose_by_parameter(struct topology_loader *loader, struct topology_view *view,
                                 const struct topology_registry *registry, struct topology_choice *choice);
/* True when the kind is a distribution under its own name, whose value is that distribution's argument. */
bool topology_kind_is_distribution(const struct topology_kind *kind, enum base_distribution_kind *which);

/* Sections of the scenario (sections.c, groups.c, events.c, expectations.c). */
void topology_decode_scenario(struct topology_loader *loader, struct topology_node *root);
void topology_decode_groups(struct topology_loader *loader, struct topology_node *node);
void topology_decode_overlay(struct topology_loader *loader, struct topology_node *node,
                             struct topology_choice *choice);
void topology_decode_workloads(struct topology_loader *loader, struct topology_node *node);
void topology_decode_churns(struct topology_loader *loader, struct topology_node *node);
void topology_decode_faults(struct topology_loader *loader, struct topology_node *node);
void topology_decode_expectations(struct topology_loader *loader, struct topology_node *node);

/* Applies one KEY=VALUE to the tree; the root may be replaced. name: for diagnostics; NULL: "--set KEY=VALUE". */
int topology_apply_set(struct topology_loader *loader, const char *text, const char *name,
                       struct topology_node **root);

/* Reads through the loader's reader; 0 or -errno, nothing diagnosed. */
int topology_read(struct topology_loader *loader, const char *name, struct base_source *source);

#define topology_error(loader, place, hint, ...) \
    base_diagnose((loader)->diagnostics, BASE_ERROR, (place), (hint), __VA_ARGS__)

#endif
