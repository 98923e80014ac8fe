/* The bytes of epidemic.c's messages. All numbers are big-endian.
 *
 *   0  1  0x45
 *   1  1  kind: 0 push, 1 pull, 2 exchange, 3 answer
 *   2  2  known: how many ids follow (pull, exchange; else 0)
 *   4  4  each: the id of a rumour that the sender knows, strictly ascending
 *   then to the end, strictly ascending by id (push, answer: at least one; pull: none), rumours:
 *      0  4  id, the broadcast's number
 *      4  4  topic
 *      8  8  published, ns of the scenario's clock
 *     16  2  hops: copies travelled, this one included; at least 1
 *     18  2  bytes of payload
 *     20  …  payload (zeros: what a rumour says is nobody's business here)
 *
 * A message is at most one datagram of 65,507 bytes. So a payload has at most 65,483 bytes, and a digest at most 16,375
 * ids: that is also how many rumours a peer holds at a time. */
#ifndef SIM_OVERLAYS_EPIDEMIC_WIRE_H
#define SIM_OVERLAYS_EPIDEMIC_WIRE_H

#include "sim/overlays/epidemic_rumours.h"

#define EPIDEMIC_DATAGRAM_BYTES_MAX 65507
#define EPIDEMIC_HEADER_BYTES 4
#define EPIDEMIC_ID_BYTES 4
#define EPIDEMIC_RUMOUR_BYTES 20
#define EPIDEMIC_PAYLOAD_BYTES_MAX (EPIDEMIC_DATAGRAM_BYTES_MAX - EPIDEMIC_HEADER_BYTES - EPIDEMIC_RUMOUR_BYTES)
#define EPIDEMIC_RUMOURS_MAX ((EPIDEMIC_DATAGRAM_BYTES_MAX - EPIDEMIC_HEADER_BYTES) / EPIDEMIC_ID_BYTES)

enum epidemic_message { EPIDEMIC_PUSH, EPIDEMIC_PULL, EPIDEMIC_EXCHANGE, EPIDEMIC_ANSWER, EPIDEMIC_MESSAGES };

/* A message being written. */
struct epidemic_writer {
    size_t length;
    uint8_t bytes[EPIDEMIC_DATAGRAM_BYTES_MAX];
};

void epidemic_write_begin(struct epidemic_writer *writer, enum epidemic_message kind);
/* Adds an id to the digest; all ids come before the first rumour, at most EPIDEMIC_RUMOURS_MAX. */
void epidemic_write_known(struct epidemic_writer *writer, uint32_t id);
/* Adds a rumour that travels one copy further; false, and nothing is written, when it does not fit any more. */
bool epidemic_write_rumour(struct epidemic_writer *writer, const struct epidemic_rumour *rumour);

static inline enum epidemic_message epidemic_written_kind(const struct epidemic_writer *writer)
{
    return (enum epidemic_message) writer->bytes[1];
}

/* A message that was found whole; borrows its bytes. */
struct epidemic_reader {
    enum epidemic_message kind;
    uint32_t known_count;
    const uint8_t *known;
    const uint8_t *rumours, *end;
};

/* False: malformed. */
bool epidemic_read_begin(struct epidemic_reader *reader, const uint8_t *bytes, size_t length);
uint32_t epidemic_read_known(const struct epidemic_reader *reader, uint32_t index);
/* The next rumour (learnt_round 0), or false at the end. */
bool epidemic_read_rumour(struct epidemic_reader *reader, struct epidemic_rumour *rumour);

/* EPIDEMIC_MESSAGES: none of ours. */
uint8_t epidemic_read_kind(const uint8_t *bytes, size_t length);

#endif
