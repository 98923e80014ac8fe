/* Nanoseconds a call of network_send, and of network_arrive after it, by model: a million peers, random targets.
 */
#include <time.h>

#include "tests/sim/network_world.h"

#define PEERS UINT32_C(1000000)
#define CALLS UINT32_C(20000000)

static double user_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

/* With or without the network: the difference is what it costs. */
static uint64_t walk(struct world *world, bool with_network, uint64_t now_ns)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < CALLS; i++) {
        uint64_t bits = base_random_at(7, i);
        struct network_ends ends = {.from = (uint32_t) base_random_below(bits, PEERS), .to = (uint32_t) (bits & 0x7ffff)};
        if (with_network) {
            sum += network_send(world->network, &ends, now_ns, i, 100).delay_ns;
            sum += network_arrive(world->network, &ends, now_ns);
        } else {
            sum += ends.from + ends.to;
        }
    }
    return sum;
}

static void measure(struct world *world, const char *name, uint64_t now_ns)
{
    if (world_build(world) < 0) {
        fputs(world_complaint(world), stderr);
        return;
    }
    double start_s = user_s();
    uint64_t sum = walk(world, false, now_ns);
    double bare_s = user_s() - start_s;
    start_s = user_s();
    sum += walk(world, true, now_ns);
    double ns = (user_s() - start_s - bare_s) / CALLS * 1e9;
    printf("%-36s %6.2f ns  (sum %llx)\n", name, ns, (unsigned long long) sum);
    world_done(world);
}

static void start(struct world *world)
{
    world_init(world, 42);
    world_group(world, "all", PEERS, "a");
}

static const struct base_distribution uniform = {.kind = BASE_UNIFORM, .a = 20e6, .b = 200e6};

static void measure_distributions(void)
{
    static const struct base_distribution lognormal = {.kind = BASE_LOGNORMAL, .cut = true, .a = 60e6, .b = 0.5};
    struct world world;
    start(&world);
    world_constant(&world, 50 * MS);
    measure(&world, "constant", 0);
    start(&world);
    world_distribution(&world, &latency_uniform, uniform);
    measure(&world, "uniform, a pair", 0);
    start(&world);
    world_distribution(&world, &latency_uniform, uniform);
    world.scenario.network.latency_per_message = true;
    measure(&world, "uniform, per message", 0);
    start(&world);
    world_distribution(&world, &latency_lognormal, lognormal);
    measure(&world, "lognormal, a pair", 0);
    start(&world);
    world_distribution(&world, &latency_uniform, uniform);
    world.scenario.network.loss_ppb = 1000000;
    world.scenario.network.has_jitter = true;
    world.scenario.network.jitter = (struct base_distribution) {.kind = BASE_NORMAL, .b = 2e6};
    measure(&world, "uniform, a pair, loss and jitter", 0);
}

static void measure_matrix(uint32_t how)
{
    enum { ROWS = 490 };
    struct world world;
    start(&world);
    char *text = base_arena_take(world.arena, ROWS * ROWS * 8), *end = text;
    for (uint32_t i = 0; i < ROWS * ROWS; i++)
        end += sprintf(end, "%u.%u%c", i % 300, i % 10, i % ROWS == ROWS - 1 ? '\n' : ' ');
    struct latency_matrix matrix = {.file = world_file(&world, "bench", text), .unit = LATENCY_MS, .assign = how};
    world_latency(&world, &latency_matrix, &matrix);
    measure(&world, how == LATENCY_ASSIGN_RANDOM ? "matrix of 490, random" : "matrix of 490, in order", 0);
}

static void measure_regions(void)
{
    struct world world;
    start(&world);
    struct latency_regions regions = {.file = world_file(&world, "bench", "x,a,b\na,1,2\nb,2,1\n"), .unit = LATENCY_MS};
    world_latency(&world, &latency_regions, &regions);
    measure(&world, "regions", 0);
}

static void measure_faults(void)
{
    struct world world;
    start(&world);
    world_constant(&world, 50 * MS);
    struct fault_loss loss = {.add_ppb = 50000000};
    world_fault(&world, SECOND, SECOND, &fault_loss, &loss);
    measure(&world, "constant, a fault yet to come", 0);
    start(&world);
    world_constant(&world, 50 * MS);
    world_fault(&world, SECOND, SECOND, &fault_loss, &loss);
    measure(&world, "constant, a loss fault active", SECOND);
    start(&world);
    world_constant(&world, 50 * MS);
    struct topology_peers all = world_peers(&world, 0);
    struct fault_partition partition = {.sets = world_sets(&world, 1, &all)};
    world_fault(&world, SECOND, SECOND, &fault_partition, &partition);
    measure(&world, "constant, a partition active", SECOND);
}

int main(void)
{
    measure_distributions();
    measure_matrix(LATENCY_ASSIGN_RANDOM);
    measure_matrix(LATENCY_ASSIGN_IN_ORDER);
    measure_regions();
    measure_faults();
}
