#include "sim/addresses.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/reserve.h"
#include "sim/run.h"

/* Twice as many slots as entries: short probes. slots[i] is 1 + the number of a foreign address, 0: free. */
#define SLOTS (2 * ADDRESS_FOREIGN_MAX)

#define TABLE_BYTES (ADDRESS_FOREIGN_MAX * sizeof(struct foreign_address) + SLOTS * sizeof(uint32_t))

int addresses_init(struct shard *shard)
{
    shard->foreign.items = base_reserve(TABLE_BYTES);
    return shard->foreign.items ? 0 : -ENOMEM;
}

void addresses_done(struct shard *shard)
{
    if (shard->foreign.items)
        base_unreserve(shard->foreign.items, TABLE_BYTES);
    shard->foreign.items = NULL;
}

static void endpoint_of(const struct shard *shard, peer_address address, uint32_t *host, uint16_t *port)
{
    const struct scenario *scenario = shard->run->scenario;
    if (address & ADDRESS_FOREIGN) {
        *host = shard->foreign.items[address & ~ADDRESS_FOREIGN].host;
        *port = shard->foreign.items[address & ~ADDRESS_FOREIGN].port;
    } else {
        *host = address ? scenario->address_first + (address - 1) * scenario->address_stride : 0;
        *port = address ? scenario->address_port : 0;
    }
}

void address_encode_slowly(const struct shard *shard, peer_address address, uint8_t octets[PEER_ADDRESS_OCTETS])
{
    uint32_t host;
    uint16_t port;
    endpoint_of(shard, address, &host, &port);
    octets[0] = (uint8_t) (host >> 24);
    octets[1] = (uint8_t) (host >> 16);
    octets[2] = (uint8_t) (host >> 8);
    octets[3] = (uint8_t) host;
    octets[4] = (uint8_t) (port >> 8);
    octets[5] = (uint8_t) port;
}

static peer_address intern(struct foreign_addresses *foreign, uint32_t host, uint16_t port)
{
    uint32_t *slots = (uint32_t *) (void *) (foreign->items + ADDRESS_FOREIGN_MAX);
    uint32_t at = (uint32_t) base_random_mix((uint64_t) host << 16 | port) % SLOTS;
    for (; slots[at]; at = (at + 1) % SLOTS) {
        const struct foreign_address *found = &foreign->items[slots[at] - 1];
        if (found->host == host && found->port == port)
            return ADDRESS_FOREIGN | (slots[at] - 1);
    }
    if (foreign->count == ADDRESS_FOREIGN_MAX)
        return PEER_ADDRESS_NONE;
    foreign->items[foreign->count] = (struct foreign_address){.host = host, .port = port};
    slots[at] = ++foreign->count;
    return ADDRESS_FOREIGN | (foreign->count - 1);
}

static uint32_t host_of(const uint8_t octets[PEER_ADDRESS_OCTETS])
{
    return (uint32_t) octets[0] << 24 | (uint32_t) octets[1] << 16 | (uint32_t) octets[2] << 8 | octets[3];
}

static uint16_t port_of(const uint8_t octets[PEER_ADDRESS_OCTETS])
{
    return (uint16_t) (octets[4] << 8 | octets[5]);
}

uint32_t address_of_peer(const struct run *run, const uint8_t octets[PEER_ADDRESS_OCTETS])
{
    const struct scenario *scenario = run->scenario;
    uint32_t host = host_of(octets), offset = host - scenario->address_first;
    if (port_of(octets) != scenario->address_port || host < scenario->address_first)
        return UINT32_MAX;
    uint32_t index = scenario->address_stride == 1 ? offset : offset / scenario->address_stride;
    return index < scenario->peer_count && index * scenario->address_stride == offset ? index : UINT32_MAX;
}

peer_address address_decode_slowly(struct shard *shard, const uint8_t octets[PEER_ADDRESS_OCTETS])
{
    uint32_t peer = address_of_peer(shard->run, octets);
    if (peer != UINT32_MAX)
        return peer + 1;
    if (!port_of(octets) || !host_of(octets))
        return PEER_ADDRESS_NONE;
    return intern(&shard->foreign, host_of(octets), port_of(octets));
}

void address_text(const struct shard *shard, peer_address address, char text[24])
{
    uint8_t octets[PEER_ADDRESS_OCTETS];
    run_encode(shard, address, octets);
    snprintf(text, 24, "%u.%u.%u.%u:%u", octets[0], octets[1], octets[2], octets[3],
             (unsigned) octets[4] << 8 | octets[5]);
}
