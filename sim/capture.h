/* The capture of a run (`--pcap`): each datagram that reaches an overlay, well-formed or not, as a packet. */
#ifndef SIM_CAPTURE_H
#define SIM_CAPTURE_H

#include "sim/run.h"

/* Opens the capture that the options ask for; run->capture stays NULL without one. */
int capture_open(struct run *run, struct base_diagnostics *diagnostics);
/* The run's clock is at 0: what that is in the capture's time. */
void capture_begin(struct run *run);
/* The datagram that the active peer is about to handle. source: as the overlay sees it. Only with run->capture. */
void capture_packet(const struct peer *peer, peer_address source, const uint8_t *bytes, size_t length);
/* Ends the capture in good order; 0 or -errno, diagnosed. */
int capture_finish(struct run *run, struct base_diagnostics *diagnostics);

#endif
