#include "sim/commands/run_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "sim/commands/print.h"

#define BAR_CELLS 10

struct run_progress run_progress_begin(bool quiet)
{
    const char *term = getenv("TERM");
    return (struct run_progress){.shown = !quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0};
}

static void bar(char text[BAR_CELLS + 1], uint32_t per_mille)
{
    for (uint32_t i = 0; i < BAR_CELLS; i++)
        text[i] = i < per_mille * BAR_CELLS / 1000 ? '#' : '.';
    text[BAR_CELLS] = '\0';
}

static uint32_t columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "  12 s left"; "" as long as that is not known. */
static void seconds_left(char text[PRINT_NUMBER_BYTES + 8], double seconds)
{
    char left[PRINT_NUMBER_BYTES];
    *text = '\0';
    if (seconds < 0)
        return;
    print_instant(left, (uint64_t) (seconds + 0.5) * 1000000000);
    snprintf(text, PRINT_NUMBER_BYTES + 8, "  %s left", left);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* What comes before and after the run goes on evenly. */
static void put_phase(struct run_progress *line, const struct engine_progress *progress, const char *cells, char *text,
                      size_t bytes)
{
    char left[PRINT_NUMBER_BYTES + 8];
    uint64_t at_ns = now_ns();
    if (!line->what || strcmp(line->what, progress->what) != 0)
        line->what_since_ns = at_ns;
    double passed_s = (double) (at_ns - line->what_since_ns) / 1e9;
    uint32_t per_mille = progress->per_mille;
    seconds_left(left, per_mille && passed_s > 0.3 ? passed_s * (1000 - per_mille) / per_mille : -1);
    snprintf(text, bytes, "%s [%s] %3u %%%s", progress->what, cells, per_mille / 10, left);
}

static void put_running(const struct engine_progress *progress, const char *cells, char *text, size_t bytes)
{
    char now[PRINT_NUMBER_BYTES], duration[PRINT_NUMBER_BYTES], left[PRINT_NUMBER_BYTES + 8];
    char speed[PRINT_NUMBER_BYTES], up[PRINT_NUMBER_BYTES];
    print_instant(now, progress->now_ns / 1000000000 * 1000000000);
    print_instant(duration, progress->duration_ns);
    print_rate(speed, progress->events_per_s);
    print_count(up, progress->peers_up);
    seconds_left(left, progress->seconds_left);
    snprintf(text, bytes, "%s / %s [%s] %3u %%  %s events  %s up%s", now, duration, cells, progress->per_mille / 10,
             speed, up, left);
}

void run_progress_draw(struct run_progress *line, const struct engine_progress *progress)
{
    char cells[BAR_CELLS + 1], text[256];
    bar(cells, progress->per_mille);
    if (strcmp(progress->what, "running") == 0)
        put_running(progress, cells, text, sizeof text);
    else
        put_phase(line, progress, cells, text, sizeof text);
    line->what = progress->what;
    /* One write, cut short of the last column so that no terminal wraps. */
    fprintf(stderr, "\r%.*s\x1b[K", (int) columns() - 1, text);
    fflush(stderr);
    line->drawn = true;
}

void run_progress_end(struct run_progress *progress)
{
    if (progress->drawn)
        fputs("\r\x1b[K", stderr);
}
