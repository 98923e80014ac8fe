#include <stdlib.h>
#include <string.h>

#include "reactor/demultiplexers/demultiplexers.h"

const struct reactor_demultiplexer_ops *const reactor_demultiplexers[] = {
    &reactor_demultiplexer_none,
    &reactor_demultiplexer_select,
    &reactor_demultiplexer_poll,
    &reactor_demultiplexer_epoll,
    &reactor_demultiplexer_io_uring,
    NULL,
};

bool reactor_demultiplexer_offered(const struct reactor_demultiplexer_ops *ops)
{
    void *state = calloc(1, ops->state_bytes);
    bool good = state && ops->open(state) == 0;
    if (good)
        ops->close(state);
    free(state);
    return good;
}

const struct reactor_demultiplexer_ops *reactor_demultiplexer_find(const char *name)
{
    if (strcmp(name, "auto") == 0)
        return reactor_demultiplexer_offered(&reactor_demultiplexer_io_uring) ? &reactor_demultiplexer_io_uring
                                                                              : &reactor_demultiplexer_epoll;
    for (size_t i = 0; reactor_demultiplexers[i]; i++) {
        if (strcmp(reactor_demultiplexers[i]->name, name) == 0)
            return reactor_demultiplexers[i];
    }
    return NULL;
}
