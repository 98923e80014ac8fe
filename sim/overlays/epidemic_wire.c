#include "sim/overlays/epidemic_wire.h"

#include <endian.h>
#include <string.h>

#define MAGIC 0x45

static uint16_t get_16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return be16toh(value);
}

static uint32_t get_32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return be32toh(value);
}

static uint64_t get_64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return be64toh(value);
}

static void put_16(uint8_t *bytes, uint16_t value)
{
    value = htobe16(value);
    memcpy(bytes, &value, sizeof(value));
}

static void put_32(uint8_t *bytes, uint32_t value)
{
    value = htobe32(value);
    memcpy(bytes, &value, sizeof(value));
}

static void put_64(uint8_t *bytes, uint64_t value)
{
    value = htobe64(value);
    memcpy(bytes, &value, sizeof(value));
}

void epidemic_write_begin(struct epidemic_writer *writer, enum epidemic_message kind)
{
    writer->bytes[0] = MAGIC;
    writer->bytes[1] = (uint8_t) kind;
    put_16(writer->bytes + 2, 0);
    writer->length = EPIDEMIC_HEADER_BYTES;
}

void epidemic_write_known(struct epidemic_writer *writer, uint32_t id)
{
    put_16(writer->bytes + 2, (uint16_t) (get_16(writer->bytes + 2) + 1));
    put_32(writer->bytes + writer->length, id);
    writer->length += EPIDEMIC_ID_BYTES;
}

bool epidemic_write_rumour(struct epidemic_writer *writer, const struct epidemic_rumour *rumour)
{
    size_t length = EPIDEMIC_RUMOUR_BYTES + (size_t) rumour->bytes;
    if (length > EPIDEMIC_DATAGRAM_BYTES_MAX - writer->length)
        return false;
    uint8_t *bytes = writer->bytes + writer->length;
    put_32(bytes, rumour->id);
    put_32(bytes + 4, rumour->topic);
    put_64(bytes + 8, rumour->published_ns);
    put_16(bytes + 16, (uint16_t) (rumour->hops + (rumour->hops < UINT16_MAX)));
    put_16(bytes + 18, rumour->bytes);
    memset(bytes + EPIDEMIC_RUMOUR_BYTES, 0, rumour->bytes);
    writer->length += length;
    return true;
}

uint8_t epidemic_read_kind(const uint8_t *bytes, size_t length)
{
    bool ours = length >= EPIDEMIC_HEADER_BYTES && bytes[0] == MAGIC && bytes[1] < EPIDEMIC_MESSAGES;
    return ours ? bytes[1] : EPIDEMIC_MESSAGES;
}

uint32_t epidemic_read_known(const struct epidemic_reader *reader, uint32_t index)
{
    return get_32(reader->known + (size_t) index * EPIDEMIC_ID_BYTES);
}

bool epidemic_read_rumour(struct epidemic_reader *reader, struct epidemic_rumour *rumour)
{
    const uint8_t *bytes = reader->rumours;
    if (bytes == reader->end)
        return false;
    *rumour = (struct epidemic_rumour){
        .id = get_32(bytes),
        .topic = get_32(bytes + 4),
        .published_ns = get_64(bytes + 8),
        .hops = get_16(bytes + 16),
        .bytes = get_16(bytes + 18),
    };
    reader->rumours += EPIDEMIC_RUMOUR_BYTES + rumour->bytes;
    return true;
}

static bool known_ascend(const struct epidemic_reader *reader)
{
    for (uint32_t i = 1; i < reader->known_count; i++) {
        if (epidemic_read_known(reader, i) <= epidemic_read_known(reader, i - 1))
            return false;
    }
    return true;
}

/* Walks a copy of the reader over its rumours, looking before each step that the rumour is all there. */
static bool rumours_hold(struct epidemic_reader reader)
{
    uint64_t least = 0; /* one more than the last id */
    while (reader.rumours != reader.end) {
        size_t left = (size_t) (reader.end - reader.rumours);
        if (left < EPIDEMIC_RUMOUR_BYTES || left - EPIDEMIC_RUMOUR_BYTES < get_16(reader.rumours + 18))
            return false;
        struct epidemic_rumour rumour;
        epidemic_read_rumour(&reader, &rumour);
        if (rumour.id < least || rumour.hops == 0)
            return false;
        least = (uint64_t) rumour.id + 1;
    }
    return true;
}

bool epidemic_read_begin(struct epidemic_reader *reader, const uint8_t *bytes, size_t length)
{
    uint8_t kind = epidemic_read_kind(bytes, length);
    if (kind == EPIDEMIC_MESSAGES)
        return false;
    uint32_t known_count = get_16(bytes + 2);
    if (known_count > (length - EPIDEMIC_HEADER_BYTES) / EPIDEMIC_ID_BYTES)
        return false;
    const uint8_t *known = bytes + EPIDEMIC_HEADER_BYTES;
    *reader = (struct epidemic_reader){
        .kind = (enum epidemic_message) kind,
        .known_count = known_count,
        .known = known,
        .rumours = known + (size_t) known_count * EPIDEMIC_ID_BYTES,
        .end = bytes + length,
    };
    bool asks = kind == EPIDEMIC_PULL || kind == EPIDEMIC_EXCHANGE;
    bool tells = reader->rumours != reader->end;
    if ((!asks && (known_count != 0 || !tells)) || (kind == EPIDEMIC_PULL && tells))
        return false;
    return known_ascend(reader) && rumours_hold(*reader);
}
