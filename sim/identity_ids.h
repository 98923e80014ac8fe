/* Drawing the overlay ids of an instance (internal to identity.c). */
#ifndef SIM_IDENTITY_IDS_H
#define SIM_IDENTITY_IDS_H

#include "sim/identity.h"

/* Fills ids and order of an instance whose groups, bits and counts are set: uniform ids without repetition, a peer's
 * keyed by (seed, "id", group name, index, attempt). Of two peers that draw the same id the later one draws again, so
 * that groups added behind leave the ids as they were. member_count <= 2^id_bits. 0 or -ENOMEM. */
int identity_draw_ids(const struct identity *identity, struct identity_instance *instance)
    __attribute__((warn_unused_result));

#endif
