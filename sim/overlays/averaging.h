/* What one peer of averaging.c holds, and its messages. All numbers on the wire are big-endian.
 *
 *   0  1  0x41
 *   1  1  kind: 0 ask, 1 answer
 *   2  2  number of the exchange, the asker's count; an answer repeats it
 *   4  8  ask: the asker's value; answer: what the asker has to give (its value less this is its new one); signed
 *
 * Values are whole billionths, at most AVERAGING_MOST either way, so that no sum of two overflows. */
#ifndef SIM_OVERLAYS_AVERAGING_H
#define SIM_OVERLAYS_AVERAGING_H

#include "sim/peer.h"

#define AVERAGING_ONE INT64_C(1000000000)
#define AVERAGING_MOST ((INT64_C(1) << 62) - 1)
#define AVERAGING_MESSAGE_BYTES 12
#define AVERAGING_MAGIC 0x41

enum averaging_message { AVERAGING_ASK, AVERAGING_ANSWER, AVERAGING_MESSAGES };
enum averaging_timer { AVERAGING_TIMER_EXCHANGE, AVERAGING_TIMER_MEASURE, AVERAGING_TIMERS };
enum averaging_initial { AVERAGING_UNIFORM, AVERAGING_PEAK };

struct averaging_parameters {
    uint64_t period_ns, neighbours, measure_ns;
    uint32_t initial;
};

/* With the engine's block the value and what an answer needs are in the first line. */
struct averaging_state {
    int64_t value;
    peer_address asked; /* whose answer is awaited; PEER_ADDRESS_NONE */
    uint16_t exchange;  /* number of the latest one begun */
    peer_address neighbours[]; /* as many as the parameter says; unused where there is a graph */
};

#endif
