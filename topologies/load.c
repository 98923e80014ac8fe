#include "topologies/load.h"

#include <errno.h>
#include <string.h>

#include "topologies/loader.h"
#include "topologies/yaml.h"

static int read_scenario(struct topology_loader *loader, const char *path)
{
    struct base_source *source = base_arena_take(loader->arena, sizeof *source);
    loader->source = source;
    int result = topology_read(loader, base_arena_copy_text(loader->arena, path, strlen(path)), source);
    if (result == 0 && source->length > TOPOLOGY_SCENARIO_BYTES_MAX)
        result = -EFBIG;
    if (result == 0 && source->length >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0) {
        source->text += 3; /* a byte order mark would count as a column of the first key, and so as its indentation */
        source->length -= 3;
    }
    if (result < 0)
        topology_error(loader, ((struct base_place) {source, 0, 0}), NULL, "cannot be read: %s", strerror(-result));
    return result;
}

static int decode(struct topology_loader *loader, const struct topology_load_options *options)
{
    struct topology_node *root = NULL;
    uint32_t errors = loader->diagnostics->error_count;
    if (topology_yaml_parse(loader->arena, loader->source, 0, loader->diagnostics, &root) < 0)
        return -EINVAL;
    for (uint32_t i = 0; i < options->set_count; i++)
        if (topology_apply_set(loader, options->sets[i], options->set_names ? options->set_names[i] : NULL, &root) < 0)
            continue; /* diagnosed; the others are still worth judging */
    topology_decode_scenario(loader, root);
    if (loader->diagnostics->error_count > errors)
        return -EINVAL;
    loader->scenario->files = (const struct topology_file *const *) loader->files;
    loader->scenario->file_count = loader->file_count;
    loader->scenario->resolved = topology_yaml_emit(loader->arena, root, TOPOLOGY_YAML_BLOCK);
    return 0;
}

int topology_load(struct scenario **scenario, const struct topology_load_options *options,
                  const struct topology_vocabulary *vocabulary, struct base_diagnostics *diagnostics)
{
    struct base_arena *arena = base_arena_create();
    *scenario = base_arena_take(arena, sizeof **scenario);
    (*scenario)->arena = arena;
    struct topology_loader loader = {
        .arena = arena,
        .diagnostics = diagnostics,
        .vocabulary = vocabulary,
        .reader = options->reader,
        .scenario = *scenario,
    };
    int result = read_scenario(&loader, options->path);
    return result < 0 ? result : decode(&loader, options);
}

void topology_scenario_free(struct scenario *scenario)
{
    if (scenario)
        base_arena_free(scenario->arena);
}
