/* Loading a scenario: YAML -> located tree -> --set -> checks -> struct scenario.
 *
 * Hostile input is bounded: a file has at most 64 MiB for data and 4 MiB for a scenario, at most 64 levels and 200,000
 * nodes (aliases counted as often as they are used). All mistakes are collected, up to 20. */
#ifndef TOPOLOGIES_LOAD_H
#define TOPOLOGIES_LOAD_H

#include "topologies/scenario.h"

/* Where the scenario and the files that it names are read from. */
struct topology_reader {
    /* Reads name into the arena; 0 or -errno. name is the scenario's path, or what a file's name in it resolves to
     * (struct topology_file.source.name): from the scenario's folder, or absolute. */
    int (*read)(void *context, struct base_arena *arena, const char *name, const char **text, size_t *length);
    void *context;
};

struct topology_load_options {
    const char *path;                /* of the scenario; "-" is not special */
    const struct topology_reader *reader; /* NULL: the file system */
    const char *const *sets;         /* KEY=VALUE, in order */
    const char *const *set_names;    /* what diagnostics call each: "--seed 7"; NULL: "--set KEY=VALUE" */
    uint32_t set_count;
};

/* 0 with *scenario set (free with topology_scenario_free), or a negative number with errors in diagnostics: -EINVAL the
 * scenario is at fault, -EIO / -ENOENT ... it could not be read (also diagnosed). Warnings may come with 0.
 * *scenario is set in either case: after a failure it only holds the texts that the diagnostics point into, and is to
 * be freed once they have been printed. */
int topology_load(struct scenario **scenario, const struct topology_load_options *options,
                  const struct topology_vocabulary *vocabulary, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
void topology_scenario_free(struct scenario *scenario);

/* Prints a parameter's default, unit and range as the reference says them; for `list` and the schema. */
const char *topology_type_name(enum topology_type type); /* "duration" */

/* The resolved scenario as readable YAML with every default filled in, one key a line; in the scenario's arena. */
const char *topology_describe(const struct scenario *scenario);

/* The JSON Schema (draft 2020-12) of a scenario under this vocabulary, with descriptions; in the arena. */
const char *topology_schema(struct base_arena *arena, const struct topology_vocabulary *vocabulary);

#endif
