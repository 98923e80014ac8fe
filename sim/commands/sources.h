/* What this program was built from, as one hash: so that `peerlab bench` finds out that a bench measures another engine
 * than the one beside it (sources.cmake makes it; peerlab and each bench are linked with it). */
#ifndef SIM_COMMANDS_SOURCES_H
#define SIM_COMMANDS_SOURCES_H

#define PEERLAB_SOURCES_MARK "peerlab is built from "

extern const char peerlab_sources[]; /* the mark, then 32 hex digits; it stands so in the file of the program, too */

#endif
