/* What one peer of phold.c holds, and its message, an event on its way. All numbers are big-endian.
 *
 *   0  8  when it was sent, ns of the scenario's clock
 *   8  4  number, counted by the sender
 *  12  4  check: both halves of the time, the number and 0x50484f4c ("PHOL"), combined by exclusive or */
#ifndef SIM_OVERLAYS_PHOLD_H
#define SIM_OVERLAYS_PHOLD_H

#include "sim/peer.h"

#define PHOLD_MESSAGE_BYTES 16
#define PHOLD_MAGIC 0x50484f4cu

struct phold_parameters {
    uint64_t pending, touched;
};

/* `touched` octets, these first ones included. */
struct phold_state {
    uint64_t last_sent_ns;   /* of the latest event that came: a second copy of it is not taken */
    peer_address last_from;
    uint32_t last_number;
    uint32_t number;         /* of the latest event sent */
    uint32_t unused;
    uint64_t words[];        /* what an event works on: all are equal */
};

#endif
