/* The end of a process that cannot go on (internal). peerlab ends with a status that says whose fault it is. As a library
 * (REACTOR_LIBRARY, reactor/CMakeLists.txt) the statuses are the program's own, so it is aborted: its handler of SIGABRT,
 * its debugger or a core dump shows how it came there. Nothing is flushed and no exit handler runs: what is buffered may
 * be what went wrong. */
#ifndef REACTOR_BASE_END_H
#define REACTOR_BASE_END_H

#ifdef REACTOR_LIBRARY
#include <stdlib.h>

#define BASE_PROGRAM "libreactor"
#define BASE_AT_FAULT BASE_PROGRAM /* or who called it: the place will show */
#define base_end(status) abort()
#else
#include <unistd.h>

#define BASE_PROGRAM "peerlab"
#define BASE_AT_FAULT BASE_PROGRAM " is at fault"
#define base_end(status) _exit(status)
#endif

#endif
