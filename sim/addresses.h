/* Endpoint addresses behind 32-bit handles: arithmetic for peers of the plan (handle = index + 1), a bounded table for
 * foreign ones (FOREIGN_BIT and a number), one for each shard, whose peers alone see the handle. One plan serves all transports (`addresses:` in the scenario). */
#ifndef SIM_ADDRESSES_H
#define SIM_ADDRESSES_H

#include "sim/peer.h"

struct run;
struct shard;

#define ADDRESS_FOREIGN 0x80000000u
#define ADDRESS_FOREIGN_MAX 65536u

int addresses_init(struct shard *shard); /* 0 or -ENOMEM */
void addresses_done(struct shard *shard);
void address_encode_slowly(const struct shard *shard, peer_address address, uint8_t octets[PEER_ADDRESS_OCTETS]);
peer_address address_decode_slowly(struct shard *shard, const uint8_t octets[PEER_ADDRESS_OCTETS]); /* see run_decode */
/* The peer of the plan at this endpoint; UINT32_MAX: none. */
uint32_t address_of_peer(const struct run *run, const uint8_t octets[PEER_ADDRESS_OCTETS]);
void address_text(const struct shard *shard, peer_address address, char text[24]); /* "127.1.1.1:6881" */

#endif
