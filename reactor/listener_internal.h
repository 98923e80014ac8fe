/* What streams tell the listener that accepted them, and what who else accepts shares with it (internal). */
#ifndef REACTOR_LISTENER_INTERNAL_H
#define REACTOR_LISTENER_INTERNAL_H

#include "reactor/listener.h"

uint64_t listener_token(const struct reactor_listener *listener);
/* What accept(2) says of the one connection, not of the listening socket. */
bool listener_error_is_of_the_connection(int error);
/* Closes a connection with a reset, so that its peer knows at once and no TIME_WAIT stays here. */
void listener_reset(int descriptor);
/* A stream has closed its descriptor: its listener (0: none; it may be gone) counts one connection less, and those that
 * wait for a descriptor go on. */
void listener_connection_over(struct reactor_loop *loop, uint64_t token);

#endif
