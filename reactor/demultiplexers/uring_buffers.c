#include <errno.h>
#include <sys/mman.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"
#include "reactor/demultiplexers/uring_internal.h"

#define RING_BYTES (URING_BUFFERS * sizeof(struct io_uring_buf))
/* The kernel takes the buffers in turn, so all of them are touched: in two huge pages, of a reservation of three. */
#define HUGE_PAGE_BYTES ((size_t) 2 << 20)
#define BUFFERS_BYTES (2 * HUGE_PAGE_BYTES)
#define RESERVED_BYTES (BUFFERS_BYTES + HUGE_PAGE_BYTES)
_Static_assert((size_t) URING_BUFFERS * URING_BUFFER_BYTES <= BUFFERS_BYTES, "they lie there");

static void *map(size_t bytes)
{
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? NULL : place;
}

static void put(struct uring_state *uring, uint32_t buffer, uint32_t ahead)
{
    io_uring_buf_ring_add(uring->buffers, uring->buffer_bytes + (size_t) buffer * URING_BUFFER_BYTES,
                          URING_BUFFER_BYTES, (unsigned short) buffer, io_uring_buf_ring_mask(URING_BUFFERS),
                          (int) ahead);
}

int uring_buffers_need(struct uring_state *uring)
{
    if (uring->buffers)
        return 0;
    struct io_uring_buf_ring *ring = map(RING_BYTES);
    uint8_t *reserved = base_reserve(RESERVED_BYTES);
    struct io_uring_buf_reg group = {.ring_addr = (uintptr_t) ring, .ring_entries = URING_BUFFERS};
    int result = ring && reserved ? io_uring_register_buf_ring(&uring->ring, &group, 0) : -ENOMEM;
    if (result < 0) {
        if (ring)
            munmap(ring, RING_BYTES);
        base_unreserve(reserved, RESERVED_BYTES);
        return result;
    }
    uring->buffers = ring;
    uring->buffers_reserved = reserved;
    uring->buffer_bytes = reserved + (-(uintptr_t) reserved & (HUGE_PAGE_BYTES - 1));
    base_reserve_huge(uring->buffer_bytes, BUFFERS_BYTES);
    for (uint32_t buffer = 0; buffer < URING_BUFFERS; buffer++)
        put(uring, buffer, buffer);
    io_uring_buf_ring_advance(ring, (int) URING_BUFFERS);
    return 0;
}

/* After the ring is closed: the kernel does not touch them any more. */
void uring_buffers_done(struct uring_state *uring)
{
    if (!uring->buffers)
        return;
    munmap(uring->buffers, RING_BYTES);
    base_unreserve(uring->buffers_reserved, RESERVED_BYTES);
    uring->buffers = NULL;
}

void uring_buffer_give(struct uring_state *uring, uint32_t buffer)
{
    base_assert(buffer < URING_BUFFERS && uring->buffers_out > 0);
    put(uring, buffer, uring->buffers_given++);
    uring->buffers_out--;
}

/* Once a wait: the kernel only looks while we are in it. */
void uring_buffers_publish(struct uring_state *uring)
{
    io_uring_buf_ring_advance(uring->buffers, (int) uring->buffers_given);
    uring->buffers_given = 0;
}
