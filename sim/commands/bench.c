/* peerlab bench: runs the benches of the build tree. They are programs of tests/bench and know peerlab, not the other
 * way round: found at run time beside the binary. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/base/diagnostic.h"
#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "sim/commands/sources.h"

#define PREFIX "bench_"
#define INSIDE "/tests/bench" /* a build tree */

struct benches {
    char folder[PATH_MAX];
    struct dirent **entries; /* by name */
    int count;
};

static int is_bench(const struct dirent *entry)
{
    return strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 && !strchr(entry->d_name, '.');
}

static void find_benches(struct benches *benches)
{
    benches->count = 0;
    ssize_t length = readlink("/proc/self/exe", benches->folder, sizeof benches->folder - sizeof INSIDE);
    if (length < 0)
        return;
    benches->folder[length] = '\0';
    *strrchr(benches->folder, '/') = '\0';
    strcat(benches->folder, INSIDE);
    int count = scandir(benches->folder, &benches->entries, is_bench, alphasort);
    benches->count = count < 0 ? 0 : count;
}

static void benches_done(struct benches *benches)
{
    for (int i = 0; i < benches->count; i++)
        free(benches->entries[i]);
    free(benches->entries);
}

static const char *name_at(const void *benches, size_t i)
{
    return ((const struct benches *) benches)->entries[i]->d_name + strlen(PREFIX);
}

/* Whether what peerlab is built from stands in the file of a bench, as it does where both are of one build. */
static bool is_of_this_build(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return true; /* running it tells why */
    void *bytes = fstat(file, &status) == 0 && status.st_size > 0
                      ? mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    close(file);
    if (bytes == MAP_FAILED)
        return true;
    bool found = memmem(bytes, (size_t) status.st_size, peerlab_sources, strlen(peerlab_sources));
    munmap(bytes, (size_t) status.st_size);
    return found;
}

/* The build tree that the benches are in, or would be. */
static int build_folder_length(const struct benches *benches)
{
    return (int) (strlen(benches->folder) - strlen(INSIDE));
}

/* Runs one with the operands behind its name, in this process's streams. */
static int run_one(const struct arguments *arguments, const struct benches *benches, int which)
{
    char path[PATH_MAX + sizeof(((struct dirent *) 0)->d_name)];
    snprintf(path, sizeof path, "%s/%s", benches->folder, benches->entries[which]->d_name);
    if (!is_of_this_build(path))
        return command_refuse(arguments->command, "%s is not built from what this peerlab is built from; both are built "
                              "again by cmake --build %.*s --target peerlab benches", name_at(benches, (size_t) which),
                              build_folder_length(benches), benches->folder);
    const char **words = calloc(arguments->operand_count + 3, sizeof *words);
    base_assert(words);
    words[0] = path;
    uint32_t count = 1;
    for (uint32_t i = 1; i < arguments->operand_count; i++)
        words[count++] = arguments->operands[i];
    if (arguments_has(arguments, "json"))
        words[count] = "--json";
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execv(path, (char **) (uintptr_t) words);
        fprintf(stderr, "peerlab bench: %s: %s\n", path, strerror(errno));
        _exit(EXIT_MACHINE);
    }
    free(words);
    int state = 0;
    if (child < 0)
        return EXIT_MACHINE;
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

static int run_all(const struct arguments *arguments, const struct benches *benches)
{
    int worst = EXIT_GOOD;
    for (int i = 0; i < benches->count; i++) {
        print_in(PRINT_BOLD, "%s%s\n", i ? "\n" : "", name_at(benches, (size_t) i));
        int status = run_one(arguments, benches, i);
        worst = status > worst ? status : worst;
    }
    return worst;
}

static int run_named(const struct arguments *arguments, const struct benches *benches)
{
    const char *name = arguments->operands[0];
    for (int i = 0; i < benches->count; i++)
        if (strcmp(name_at(benches, (size_t) i), name) == 0)
            return run_one(arguments, benches, i);
    const char *nearest = base_nearest_name(name, (size_t) benches->count, name_at, benches);
    return command_refuse(arguments->command, "there is no bench %s; %s%s%s", name,
                          nearest ? "did you mean " : "see peerlab bench --list", nearest ? nearest : "",
                          nearest ? "?" : "");
}

static int run_bench(const struct arguments *arguments)
{
    struct benches benches = {.folder = ""};
    find_benches(&benches);
    int status = EXIT_GOOD;
    if (!benches.count)
        status = command_refuse(arguments->command, "no benches in %s: they are built by cmake --build %.*s --target "
                                "benches", benches.folder, build_folder_length(&benches), benches.folder);
    else if (arguments_has(arguments, "list"))
        for (int i = 0; i < benches.count; i++)
            puts(name_at(&benches, (size_t) i));
    else if (arguments->operand_count)
        status = run_named(arguments, &benches);
    else
        status = run_all(arguments, &benches);
    benches_done(&benches);
    return status;
}

static const struct command_option options[] = {
    {"json", 0, NULL, "all but lag, limit, network and scenarios; a workload's: {workload unit check sizes[{peers engine_per_s limit_per_s ratio ...}]}"},
    {"list", 0, NULL, "only names them"},
};

const struct command bench_command = {
    .name = "bench",
    .operands = "[NAME [ARGUMENT]...]",
    .summary = "measures speed, beside a limit or a baseline in the same run",
    .about = "Without NAME: all of them, one after the other. What follows NAME is the bench's own.",
    .examples = "peerlab bench --list\n"
                "peerlab bench scenarios\n"
                "peerlab bench queue messages 1000000\n"
                "peerlab bench chord-converged 100000 1000000",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 0,
    .operands_max = UINT32_MAX,
    .run = run_bench,
};
