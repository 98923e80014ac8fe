#include "sim/commands/scenario_options.h"

#include <string.h>

#include "sim/vocabulary.h"

/* The --set that an option stands for; NULL: it is not about the scenario. */
static const char *set_of(struct base_arena *arena, const struct command_given *given)
{
    const char *name = given->option->name;
    if (strcmp(name, "set") == 0)
        return given->value;
    if (strcmp(name, "clock") == 0 && strncmp(given->value, "scaled:", 7) == 0)
        return base_arena_printf(arena, "clock={scaled: %s}", given->value + 7);
    if (strcmp(name, "seed") == 0 || strcmp(name, "clock") == 0 || strcmp(name, "transport") == 0)
        return base_arena_printf(arena, "%s=%s", name, given->value);
    return NULL;
}

int scenario_load(struct scenario **scenario, const struct arguments *arguments, const char *path,
                  const struct topology_reader *reader, struct base_diagnostics *diagnostics)
{
    struct base_arena *arena = base_arena_create();
    const char **sets = base_arena_array(arena, const char *, arguments->given_count + 1);
    const char **names = base_arena_array(arena, const char *, arguments->given_count + 1);
    struct topology_load_options options = {.path = path, .reader = reader, .sets = sets, .set_names = names};
    for (uint32_t i = 0; i < arguments->given_count; i++) {
        const struct command_given *given = &arguments->given[i];
        const char *set = set_of(arena, given);
        if (!set)
            continue;
        names[options.set_count] = base_arena_printf(arena, "--%s %s", given->option->name, given->value);
        sets[options.set_count++] = set;
    }
    int result = topology_load(scenario, &options, &sim_vocabulary, diagnostics);
    base_arena_free(arena);
    return result;
}
