/* peerlab repro: published results against ours. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "sim/commands/conduct.h"
#include "sim/commands/print.h"
#include "sim/commands/repro_report.h"

static volatile sig_atomic_t stop_signal; /* a handler reaches nothing but globals */

static void on_signal(int signal_number)
{
    stop_signal = signal_number;
}

/* --- choosing --- */

static const char *row_name_at(const void *context, size_t i)
{
    (void) context;
    return repro_rows[i]->name;
}

static uint32_t row_count(void)
{
    uint32_t count = 0;
    while (repro_rows[count])
        count++;
    return count;
}

static const struct repro_row *find_row(const char *name)
{
    for (uint32_t i = 0; repro_rows[i]; i++)
        if (strcasecmp(repro_rows[i]->name, name) == 0)
            return repro_rows[i];
    return NULL;
}

static void choose(struct campaign *campaign, const struct repro_row *row)
{
    for (uint32_t i = 0; i < campaign->row_count; i++)
        if (campaign->rows[i].row == row)
            return;
    campaign->rows[campaign->row_count++] = (struct chosen){.row = row};
}

static int choose_rows(struct campaign *campaign)
{
    const struct arguments *arguments = campaign->arguments;
    campaign->rows = base_arena_array(campaign->arena, struct chosen, row_count());
    for (uint32_t i = 0; i < arguments->operand_count; i++) {
        const char *name = arguments->operands[i];
        const struct repro_row *row = find_row(name);
        if (!row) {
            const char *nearest = base_nearest_name(name, row_count(), row_name_at, NULL);
            return command_refuse(arguments->command, "there is no row %s; %s%s%s", name,
                                  nearest ? "did you mean " : "see peerlab repro", nearest ? nearest : "",
                                  nearest ? "?" : "");
        }
        choose(campaign, row);
    }
    bool all = arguments_has(arguments, "all") || (arguments_has(arguments, "quick") && !arguments->operand_count);
    for (uint32_t i = 0; all && repro_rows[i]; i++)
        choose(campaign, repro_rows[i]);
    return EXIT_GOOD;
}

/* --- where the scenarios are --- */

static bool is_folder_of(const char *folder, const struct repro_row *row)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/%s", folder, row->scenario) < (int) sizeof path && access(path, R_OK) == 0;
}

/* As given; else in the sources that this binary was built from; else beside its build folder, should both have
 * moved. */
static int find_scenarios(struct campaign *campaign)
{
    static const char compiled[] = PEERLAB_SOURCE_DIR "/topologies/papers";
    const struct repro_row *row = campaign->rows[0].row;
    campaign->folder = arguments_value(campaign->arguments, "scenarios");
    if (!campaign->folder) {
        char binary[PATH_MAX];
        ssize_t length = readlink("/proc/self/exe", binary, sizeof binary - 1);
        binary[length < 0 ? 0 : length] = '\0';
        char *name = strrchr(binary, '/');
        campaign->folder = compiled;
        if (!is_folder_of(compiled, row) && name)
            campaign->folder = base_arena_printf(campaign->arena, "%.*s/../topologies/papers", (int) (name - binary),
                                                 binary);
    }
    if (is_folder_of(campaign->folder, row))
        return EXIT_GOOD;
    bool given = arguments_has(campaign->arguments, "scenarios");
    return command_refuse(campaign->arguments->command, "%s is not in %s%s%s; --scenarios says where the papers' "
                          "scenarios are", row->scenario, given ? "" : compiled, given ? "" : " nor in ",
                          campaign->folder);
}

/* --- jobs --- */

static void add_jobs(struct campaign *campaign, struct chosen *chosen)
{
    chosen->first_job = campaign->job_count;
    for (uint32_t c = 0; c < chosen->row->condition_count; c++) {
        const struct repro_condition *condition = &chosen->row->conditions[c];
        for (uint32_t i = 0; repro_is_wanted(campaign, condition) && i < condition->replicates; i++) {
            struct repro_job *job = &campaign->jobs[campaign->job_count];
            *job = (struct repro_job){.row = chosen->row, .condition = condition, .folder = campaign->folder,
                                      .seed = i + 1};
            if (repro_condition_traces(condition))
                job->trace = base_arena_printf(campaign->arena, "%s/%u.db", campaign->scratch, campaign->job_count);
            campaign->seconds_hoped += condition->seconds;
            campaign->job_count++;
        }
    }
    chosen->job_count = chosen->left = campaign->job_count - chosen->first_job;
}

static int make_scratch(struct campaign *campaign)
{
    const char *given = getenv("TMPDIR"), *folder = given && *given ? given : P_tmpdir;
    snprintf(campaign->scratch, sizeof campaign->scratch, "%s/peerlab-repro-XXXXXX", folder);
    if (mkdtemp(campaign->scratch))
        return EXIT_GOOD;
    fprintf(stderr, "peerlab repro: %s: %s\n", campaign->scratch, strerror(errno));
    campaign->scratch[0] = '\0';
    return EXIT_MACHINE;
}

static int make_jobs(struct campaign *campaign)
{
    size_t count = 1;
    bool traces = false;
    for (uint32_t r = 0; r < campaign->row_count; r++) {
        for (uint32_t c = 0; c < campaign->rows[r].row->condition_count; c++) {
            const struct repro_condition *condition = &campaign->rows[r].row->conditions[c];
            count += repro_is_wanted(campaign, condition) ? condition->replicates : 0;
            traces |= repro_is_wanted(campaign, condition) && repro_condition_traces(condition);
        }
    }
    int status = traces ? make_scratch(campaign) : EXIT_GOOD;
    campaign->jobs = base_arena_array(campaign->arena, struct repro_job, count);
    campaign->results = base_arena_array(campaign->arena, struct repro_result, count);
    for (uint32_t r = 0; r < campaign->row_count; r++)
        add_jobs(campaign, &campaign->rows[r]);
    return status;
}

static void remove_trace(const struct repro_job *job)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; job->trace && i < sizeof endings / sizeof *endings; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s", job->trace, endings[i]);
        unlink(path);
    }
}

/* --- as they end --- */

static void draw_progress(struct campaign *campaign)
{
    if (!campaign->progress.shown)
        return;
    char left[PRINT_NUMBER_BYTES] = "";
    double pace = campaign->seconds_hoped_done > 0 ? campaign->seconds_done / campaign->seconds_hoped_done : 1;
    double seconds_left = (campaign->seconds_hoped - campaign->seconds_hoped_done) * pace / campaign->workers;
    print_instant(left, (uint64_t) (seconds_left + 0.5) * 1000000000);
    fprintf(stderr, "\r%u of %u runs  %s left\x1b[K", campaign->done, campaign->job_count, left);
    fflush(stderr);
    campaign->progress.drawn = true;
}

/* Rows are shown in order, each when its last run has ended. */
static void show_rows(struct campaign *campaign)
{
    for (; campaign->rows_shown < campaign->row_count; campaign->rows_shown++) {
        struct chosen *chosen = &campaign->rows[campaign->rows_shown];
        if (chosen->left)
            return;
        if (!chosen->job_count)
            continue; /* nothing of it is quick */
        run_progress_end(&campaign->progress);
        chosen->pass = repro_row_passes(campaign, chosen);
        if (!arguments_has(campaign->arguments, "json"))
            repro_print_row(campaign, chosen);
        if (!chosen->pass)
            campaign->status = EXIT_FAILED;
    }
}

static int tell_failure(struct campaign *campaign, const struct repro_job *job, const struct repro_result *result)
{
    static const int statuses[] = {
        [REPRO_INPUT_AT_FAULT] = EXIT_INPUT, [REPRO_MACHINE_AT_FAULT] = EXIT_MACHINE, [REPRO_DIED] = EXIT_PEERLAB};
    run_progress_end(&campaign->progress);
    fprintf(stderr, "peerlab repro: %s, %s, seed %u:\n%s", job->row->name, job->condition->name, job->seed,
            result->message);
    campaign->status = statuses[result->status];
    return 1;
}

static int on_ended(void *context, uint32_t which)
{
    struct campaign *campaign = context;
    if (which < campaign->job_count) {
        const struct repro_job *job = &campaign->jobs[which];
        const struct repro_result *result = &campaign->results[which];
        if (result->status != REPRO_GOOD)
            return tell_failure(campaign, job, result);
        remove_trace(job);
        campaign->done++;
        campaign->seconds_done += result->seconds;
        campaign->seconds_hoped_done += job->condition->seconds;
        for (uint32_t i = 0; i < campaign->row_count; i++)
            campaign->rows[i].left -= campaign->rows[i].row == job->row;
        show_rows(campaign);
    }
    draw_progress(campaign);
    return print_good() ? 0 : 1;
}

/* --- the whole --- */

static uint32_t cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t) CPU_COUNT(&set) : 1;
}

static void run_jobs(struct campaign *campaign)
{
    conduct_catch_signals(on_signal);
    campaign->workers = cores();
    campaign->progress = run_progress_begin(false);
    struct repro_crew crew = {.jobs = campaign->jobs, .results = campaign->results, .job_count = campaign->job_count,
                              .workers = campaign->workers, .stop = &stop_signal, .ended = on_ended,
                              .context = campaign};
    fflush(stdout); /* or each process would print it again */
    int result = repro_crew_run(&crew);
    run_progress_end(&campaign->progress);
    if (result < 0) {
        fprintf(stderr, "peerlab repro: no further process: %s\n", strerror(-result));
        campaign->status = EXIT_MACHINE;
    } else if (stop_signal) {
        campaign->status = EXIT_SIGNAL + stop_signal;
    }
}

static int run_chosen(struct campaign *campaign)
{
    int status = find_scenarios(campaign);
    status = status ? status : make_jobs(campaign);
    if (status)
        return status;
    run_jobs(campaign);
    for (uint32_t i = 0; i < campaign->job_count; i++)
        remove_trace(&campaign->jobs[i]);
    if (campaign->scratch[0])
        rmdir(campaign->scratch);
    if (campaign->status <= EXIT_FAILED && arguments_has(campaign->arguments, "json"))
        repro_put_json(campaign);
    return campaign->status;
}

static double row_seconds(const struct repro_row *row)
{
    double seconds = 0;
    for (uint32_t c = 0; c < row->condition_count; c++)
        seconds += row->conditions[c].seconds * row->conditions[c].replicates;
    return seconds / cores();
}

static int list_rows(struct campaign *campaign)
{
    for (uint32_t i = 0; repro_rows[i]; i++)
        choose(campaign, repro_rows[i]);
    if (arguments_has(campaign->arguments, "json")) {
        repro_put_json(campaign);
        return EXIT_GOOD;
    }
    for (uint32_t i = 0; i < campaign->row_count; i++) {
        char text[256], span[PRINT_NUMBER_BYTES];
        const struct repro_row *row = campaign->rows[i].row;
        snprintf(text, sizeof text, "%s (%s; about %s)", row->summary, row->scenario,
                 print_span(span, (uint64_t) (row_seconds(row) * 1e9)));
        print_term(row->name, 6, text);
    }
    return EXIT_GOOD;
}

static int run_repro(const struct arguments *arguments)
{
    struct campaign campaign = {.arguments = arguments, .arena = base_arena_create()};
    int status = choose_rows(&campaign);
    if (!status)
        status = campaign.row_count ? run_chosen(&campaign) : list_rows(&campaign);
    base_arena_free(campaign.arena);
    return status;
}

static const struct command_option options[] = {
    {"all", 0, NULL, "every row"},
    {"quick", 0, NULL, "only conditions that take seconds; without ROW: of all rows"},
    {"scenarios", 0, "FOLDER", "where the papers' scenarios are; default: topologies/papers\n"
                               "of the sources that this binary was built from"},
    {"json", 0, NULL, "[{name summary source scenario tolerance found conditions[{name\n"
                      "set replicates quick figures[{name published ours interval{low\n"
                      "high} tolerance tolerance_is_relative pass}]}] pass}]"},
};

const struct command repro_command = {
    .name = "repro",
    .operands = "[ROW...]",
    .summary = "runs published experiments and compares their results with ours",
    .about = "Without ROW: lists the rows. Each condition is run with the seeds 1, 2, 3 ..., as many\n"
             "processes at a time as there are processors; ours is their mean, with Student's 95 %\n"
             "interval. Status 1: a figure is not within its tolerance.",
    .examples = "peerlab repro\n"
                "peerlab repro C6\n"
                "peerlab repro c6 c9 --quick --json\n"
                "peerlab repro --all",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 0,
    .operands_max = UINT32_MAX,
    .run = run_repro,
};
