#include <string.h>

#include "reactor/demultiplexers/demultiplexers.h"

const struct reactor_demultiplexer_ops *const reactor_demultiplexers[] = {
    &reactor_demultiplexer_none,
    &reactor_demultiplexer_select,
    &reactor_demultiplexer_poll,
    &reactor_demultiplexer_epoll,
    NULL,
};

const struct reactor_demultiplexer_ops *reactor_demultiplexer_find(const char *name)
{
    for (size_t i = 0; reactor_demultiplexers[i]; i++) {
        if (strcmp(reactor_demultiplexers[i]->name, name) == 0)
            return reactor_demultiplexers[i];
    }
    return NULL;
}
