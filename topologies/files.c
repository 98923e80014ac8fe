/* The scenario and the files that it names, read when it is loaded. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "topologies/loader.h"

/* Until the end or one byte past the limit: pipes and devices have no size to ask for. */
static int read_all(struct base_arena *arena, int descriptor, const char **text, size_t *length)
{
    size_t capacity = 64 * 1024;
    char *bytes = base_arena_take(arena, capacity);
    *length = 0;
    for (;;) {
        ssize_t got = read(descriptor, bytes + *length, capacity - *length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        *length += (size_t) got;
        if (*length > TOPOLOGY_FILE_BYTES_MAX)
            return -EFBIG;
        if (*length + 1 == capacity) {
            char *larger = base_arena_take(arena, 4 * capacity);
            memcpy(larger, bytes, *length);
            bytes = larger;
            capacity *= 4;
        }
    }
    bytes[*length] = '\0';
    *text = bytes;
    return 0;
}

static int read_from_file_system(struct base_arena *arena, const char *name, const char **text, size_t *length)
{
    int descriptor = open(name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    int result = read_all(arena, descriptor, text, length);
    close(descriptor);
    return result;
}

int topology_read(struct topology_loader *loader, const char *name, struct base_source *source)
{
    source->name = name;
    source->text = "";
    source->length = 0;
    if (loader->reader)
        return loader->reader->read(loader->reader->context, loader->arena, name, &source->text, &source->length);
    return read_from_file_system(loader->arena, name, &source->text, &source->length);
}

/* A name in the scenario is relative to its folder, one in --set to the current folder. The latter is made absolute
 * where the two differ, so that the resolved scenario means the same file. */
static const char *resolve(struct topology_loader *loader, struct topology_node *node)
{
    const char *slash = strrchr(loader->source->name, '/');
    if (node->text[0] == '/' || !slash)
        return node->text;
    if (node->place.source == loader->source)
        return base_arena_printf(loader->arena, "%.*s/%s", (int) (slash - loader->source->name), loader->source->name,
                                 node->text);
    char *folder = getcwd(NULL, 0);
    if (folder) {
        node->text = base_arena_printf(loader->arena, "%s/%s", folder, node->text);
        node->length = strlen(node->text);
    }
    free(folder);
    return node->text;
}

static int cannot_read(struct topology_loader *loader, const struct topology_node *node, const char *name, int result)
{
    topology_error(loader, node->place, NULL, "\"%.160s\" cannot be read: %s", name, strerror(-result));
    return -EINVAL;
}

static int keep_file(struct topology_loader *loader, const struct topology_node *node, struct topology_file *file)
{
    loader->file_bytes += file->source.length;
    if (loader->file_count == TOPOLOGY_FILES_MAX || loader->file_bytes > TOPOLOGY_FILES_BYTES_MAX) {
        topology_error(loader, node->place, NULL, "more than %u files, or than %u MiB of them", TOPOLOGY_FILES_MAX,
                       TOPOLOGY_FILES_BYTES_MAX >> 20);
        return -EINVAL;
    }
    if (loader->file_count == loader->file_capacity) {
        uint32_t capacity = loader->file_capacity ? 2 * loader->file_capacity : 8;
        struct topology_file **files = base_arena_array(loader->arena, struct topology_file *, capacity);
        if (loader->file_count)
            memcpy(files, loader->files, loader->file_count * sizeof *files);
        loader->files = files;
        loader->file_capacity = capacity;
    }
    loader->files[loader->file_count++] = file;
    return 0;
}

int topology_decode_file(struct topology_loader *loader, struct topology_node *node, const struct topology_file **file)
{
    const char *name = resolve(loader, node);
    for (uint32_t i = 0; i < loader->file_count; i++) {
        if (strcmp(loader->files[i]->source.name, name) == 0) {
            *file = loader->files[i];
            return 0;
        }
    }
    if (loader->file_count == TOPOLOGY_FILES_MAX || loader->file_bytes > TOPOLOGY_FILES_BYTES_MAX)
        return -EINVAL; /* told when the limit was met */
    struct topology_file *read = base_arena_take(loader->arena, sizeof *read);
    int result = topology_read(loader, name, &read->source);
    if (result == 0 && read->source.length > TOPOLOGY_FILE_BYTES_MAX)
        result = -EFBIG;
    if (result < 0)
        return cannot_read(loader, node, name, result);
    read->name = node->text;
    read->place = node->place;
    *file = read;
    return keep_file(loader, node, read);
}
