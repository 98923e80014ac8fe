/* The reactor beside a raw epoll loop, libuv, libev and libevent: those of them that are installed.
 *
 * Usage: peerlab bench reactor [PART|check|KEY=VALUE]... [--json]. Parts: chain, pingpong, timers, posts, accept,
 * loops; none named: all. repetitions=N (5; 15 and more for figures to be quoted), pairs=N[,N]... (100,1000,9900),
 * messages=N a repetition, timers=N, subjects=NAME[,NAME]..., beside=epoll|uring (which raw loop ratios of chain and
 * pingpong are to). Exits with 3 where something did not run, with check also with 1 where something that is wanted is
 * not reached. Quote figures of a quiet machine only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/event_loops/bench.h"

static const struct part {
    const char *name;
    bool (*run)(struct bench *bench);
} parts[] = {
    {"chain", bench_chain},   {"pingpong", bench_ping_pong}, {"timers", bench_timers},
    {"posts", bench_posts},   {"accept", bench_accept},      {"loops", bench_two_loops},
};
#define PARTS (sizeof parts / sizeof *parts)

struct request {
    bool chosen[PARTS];
    bool check;
};

static bool take_pairs(struct bench *bench, const char *text)
{
    bench->pairs_count = 0;
    while (bench->pairs_count < sizeof bench->pairs / sizeof *bench->pairs) {
        char *end;
        unsigned long pairs = strtoul(text, &end, 10);
        if (end == text || pairs < 2 || pairs > 1000000)
            return false;
        bench->pairs[bench->pairs_count++] = (uint32_t) pairs;
        if (*end == '\0')
            return true;
        if (*end != ',')
            return false;
        text = end + 1;
    }
    return false;
}

static bool take_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return end != text && *end == '\0' && *number >= least && *number <= most;
}

/* False: not a KEY=VALUE that is known. */
static bool take_setting(struct bench *bench, const char *word)
{
    uint64_t number;
    const char *value = strchr(word, '=');
    if (!value++)
        return false;
    if (strncmp(word, "pairs=", 6) == 0)
        return take_pairs(bench, value);
    if (strncmp(word, "subjects=", 9) == 0)
        return (bench->subjects = value)[0] != '\0';
    if (strcmp(word, "beside=epoll") == 0 || strcmp(word, "beside=uring") == 0) {
        bench->beside_uring = value[0] == 'u';
        return true;
    }
    if (strncmp(word, "repetitions=", 12) == 0 && take_number(value, 1, BENCH_REPETITIONS_MAX, &number))
        bench->repetitions = (uint32_t) number;
    else if (strncmp(word, "messages=", 9) == 0 && take_number(value, 1000, UINT64_C(1) << 40, &number))
        bench->messages = number;
    else if (strncmp(word, "timers=", 7) == 0 && take_number(value, 1000, 10000000, &number))
        bench->timers = (uint32_t) number;
    else
        return false;
    return true;
}

static bool take_word(struct bench *bench, struct request *request, const char *word)
{
    for (size_t i = 0; i < PARTS; i++)
        if (strcmp(word, parts[i].name) == 0)
            return request->chosen[i] = true;
    if (strcmp(word, "check") == 0)
        return request->check = true;
    if (strcmp(word, "--json") == 0)
        return bench->json = true;
    return take_setting(bench, word);
}

static bool run_parts(struct bench *bench, const struct request *request)
{
    bool any = false, good = true;
    for (size_t i = 0; i < PARTS; i++)
        any |= request->chosen[i];
    bench_report_begin(bench);
    for (size_t i = 0; i < PARTS; i++)
        if (!any || request->chosen[i])
            good &= parts[i].run(bench);
    bench_report_end(bench);
    return good;
}

int main(int argument_count, char **arguments)
{
    struct bench bench = {.repetitions = 5, .pairs = {100, 1000, 9900}, .pairs_count = 3, .messages = 50000,
                          .timers = 1000000};
    struct request request = {.check = false};
    for (int i = 1; i < argument_count; i++)
        if (!take_word(&bench, &request, arguments[i])) {
            fprintf(stderr, "bench reactor: %s is neither chain, pingpong, timers, posts, accept, loops, check, --json "
                            "nor repetitions=, pairs=, messages=, timers=, beside= or subjects= with a value in bounds\n",
                    arguments[i]);
            return 2;
        }
    if (!run_parts(&bench, &request))
        return 3;
    return request.check && bench.missed ? 1 : 0;
}
