/* What one peer of phold.c holds, and its message, an event on its way. Both numbers are big-endian.
 *
 *   0  4  number, counted by the sender
 *   4  4  check: the number, exclusive or 0x50484f4c ("PHOL") */
#ifndef SIM_OVERLAYS_PHOLD_H
#define SIM_OVERLAYS_PHOLD_H

#include "sim/peer.h"

#define PHOLD_MESSAGE_BYTES 8
#define PHOLD_MAGIC 0x50484f4cu

struct phold_parameters {
    uint64_t pending, touched;
};

/* `touched` octets, these first ones included. */
struct phold_state {
    peer_address last_from;  /* of the latest event that came: a second copy of it is not taken */
    uint32_t last_number;
    uint32_t number;         /* of the latest event sent */
    uint32_t unused;
    uint64_t words[];        /* what an event works on: all are equal */
};

#endif
