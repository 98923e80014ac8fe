/* The workloads: a file in tests/bench/limits and a row here. The program bench_NAME is made from program.c. */
#include <stdlib.h>
#include <string.h>

#include "reactor/base/diagnostic.h"
#include "tests/bench/workload/workload.h"

#define PEERS_MAX 50000000

extern const struct workload averaging_workload, chord_converged_workload, kademlia_static_workload, phold_workload;

const struct workload *const workloads[] = {
    &averaging_workload,
    &chord_converged_workload,
    &kademlia_static_workload,
    &phold_workload,
    NULL,
};

static const char *name_at(const void *context, size_t i)
{
    (void) context;
    return workloads[i]->name;
}

const struct workload *workload_named(const char *name)
{
    size_t count = 0;
    for (; workloads[count]; count++)
        if (strcmp(workloads[count]->name, name) == 0)
            return workloads[count];
    const char *nearest = base_nearest_name(name, count, name_at, NULL);
    fprintf(stderr, "peerlab bench: there is no workload %s%s%s%s\n", name, nearest ? "; did you mean " : "",
            nearest ? nearest : "", nearest ? "?" : "");
    return NULL;
}

struct workload_size workload_size_of(const struct workload *workload, uint32_t peers)
{
    const struct workload_size *sizes = workload->sizes, *best = sizes;
    for (uint32_t i = 0; i < WORKLOAD_SIZES_MAX && sizes[i].peers; i++) {
        if (sizes[i].peers == peers)
            return sizes[i];
        if (sizes[i].peers <= peers)
            best = &sizes[i];
    }
    return (struct workload_size){.peers = peers, .duration_s = best->duration_s * best->peers / peers,
                                  .repetitions = best->repetitions, .set = best->set};
}

int workload_sizes(const struct workload *workload, char *const *operands, int operand_count,
                   struct workload_size sizes[WORKLOAD_SIZES_MAX])
{
    int count = 0;
    if (operand_count > WORKLOAD_SIZES_MAX) {
        fprintf(stderr, "peerlab bench: at most %d sizes at a time\n", WORKLOAD_SIZES_MAX);
        return -1;
    }
    for (int i = 0; i < operand_count; i++) {
        char *end;
        unsigned long peers = strtoul(operands[i], &end, 10);
        if (*end || peers < 2 || peers > PEERS_MAX) {
            fprintf(stderr, "peerlab bench: %s is no number of peers between 2 and %d\n", operands[i], PEERS_MAX);
            return -1;
        }
        sizes[count++] = workload_size_of(workload, (uint32_t) peers);
    }
    for (int i = 0; operand_count == 0 && i < WORKLOAD_SIZES_MAX && workload->sizes[i].peers; i++)
        if (!workload->sizes[i].on_request)
            sizes[count++] = workload->sizes[i];
    return count;
}
