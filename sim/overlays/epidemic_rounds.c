#include "sim/overlays/epidemic_peer.h"

#include "reactor/base/random.h"

/* At most rounds_max for what is alive, so it fits. */
uint32_t epidemic_age_rounds(const struct epidemic_moment *moment, uint64_t published_ns)
{
    uint64_t period_ns = moment->parameters->period_ns;
    if (moment->parameters->rounds == EPIDEMIC_SYNCHRONOUS)
        return (uint32_t) (epidemic_round_number(moment) - published_ns / period_ns);
    uint64_t age_ns = moment->now_ns - published_ns;
    return (uint32_t) (age_ns / period_ns + (age_ns % period_ns != 0));
}

uint64_t epidemic_oldest_alive_ns(const struct epidemic_moment *moment)
{
    const struct epidemic_parameters *parameters = moment->parameters;
    uint64_t since_ns = moment->now_ns, span_ns;
    if (parameters->rounds == EPIDEMIC_SYNCHRONOUS)
        since_ns = epidemic_round_number(moment) * parameters->period_ns;
    bool beyond = __builtin_mul_overflow(parameters->rounds_max, parameters->period_ns, &span_ns);
    return beyond || span_ns > since_ns ? 0 : since_ns - span_ns;
}

void epidemic_arm(const struct epidemic_moment *moment)
{
    uint64_t period_ns = moment->parameters->period_ns;
    uint64_t phase_ns = base_random_below((uint64_t) moment->state->phase << 32, period_ns);
    uint64_t passed_ns = moment->now_ns % period_ns;
    uint64_t delay_ns = phase_ns > passed_ns ? phase_ns - passed_ns : period_ns - passed_ns + phase_ns;
    moment->state->armed = true;
    peer_after(moment->peer, EPIDEMIC_TIMER_ROUND, delay_ns, 0);
}

static void forget_dead(const struct epidemic_moment *moment)
{
    struct epidemic_state *state = moment->state;
    if (state->rumour_count == 0)
        return;
    uint64_t oldest_ns = epidemic_oldest_alive_ns(moment);
    uint32_t forgotten = epidemic_rumours_forget(&state->first, &moment->shared->blocks, oldest_ns);
    state->rumour_count = (uint16_t) (state->rumour_count - forgotten);
}

void epidemic_timer(struct peer *peer, uint8_t kind, uint32_t data)
{
    (void) kind, (void) data; /* the only one there is */
    struct epidemic_moment moment = epidemic_moment_of(peer);
    forget_dead(&moment);
    moment.state->armed = false;
    if (moment.parameters->mode == EPIDEMIC_MODE_PUSH && moment.state->rumour_count == 0)
        return; /* until the next rumour */
    epidemic_call(&moment);
    epidemic_arm(&moment);
}
