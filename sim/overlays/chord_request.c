/* What a peer waits for an answer to: a short list of slab items. Only acknowledged or iterative lookups have any; ring
 * maintenance has at most one question of a kind open at a time, for which a bit in the node is enough. */
#include "sim/overlays/chord.h"

struct chord_request *chord_request_open(const struct chord *c, enum chord_request_kind kind, uint64_t timeout_ns)
{
    uint32_t handle = base_slab_take(&c->shared->requests);
    if (handle == 0)
        return NULL;
    struct chord_request *request = base_slab_at(&c->shared->requests, handle);
    request->next = c->head->requests;
    request->serial = ++c->head->serial;
    request->kind = (uint8_t) kind;
    request->node = (uint8_t) c->number;
    request->timer = peer_arm(c->peer, CHORD_TIMER_REQUEST, timeout_ns, request->serial);
    c->head->requests = handle;
    return request;
}

struct chord_request *chord_request_find(struct peer *peer, uint32_t serial)
{
    const struct chord_shared *shared = peer_shared(peer);
    for (uint32_t handle = chord_head(peer)->requests; handle != 0;) {
        struct chord_request *request = base_slab_at(&shared->requests, handle);
        if (request->serial == serial)
            return request;
        handle = request->next;
    }
    return NULL;
}

void chord_request_close(struct peer *peer, struct chord_request *request)
{
    struct chord_shared *shared = peer_shared(peer);
    uint32_t *link = &chord_head(peer)->requests;
    while (base_slab_at(&shared->requests, *link) != request)
        link = &((struct chord_request *) base_slab_at(&shared->requests, *link))->next;
    uint32_t handle = *link;
    peer_disarm(peer, request->timer);
    *link = request->next;
    base_slab_give(&shared->requests, handle);
}

void chord_requests_release(struct peer *peer)
{
    struct chord_shared *shared = peer_shared(peer);
    for (uint32_t handle = chord_head(peer)->requests, next; handle != 0; handle = next) {
        next = ((struct chord_request *) base_slab_at(&shared->requests, handle))->next;
        base_slab_give(&shared->requests, handle);
    }
    chord_head(peer)->requests = 0;
}
