/* The global truth: who is up by plan at an instant, and which of them a key belongs to.
 *
 * It follows the plan: steps are noted as they are generated (ahead of time) and applied when a question about a later
 * instant is asked; questions come with instants that do not go back. Up at t: up_at <= t < down_at.
 *
 * What never changes (ids, their order, where a key stands in it) is the identity's; a truth of its own for each of
 * several loops costs two bits a peer, and nothing where nobody comes or goes (plan_moves): then all are up always,
 * steps are not noted, questions only read, and one truth serves all loops. */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "sim/plan.h"

struct truth;

int truth_create(struct truth **truth, const struct identity *identity) __attribute__((warn_unused_result)); /* -ENOMEM */
void truth_free(struct truth *truth);

/* Notes a step of the plan (only those that change who is up count). O(1) amortised. */
void truth_note(struct truth *truth, const struct plan_step *step);

uint32_t truth_up_count(struct truth *truth, uint64_t at_ns);                     /* over all instances */
bool truth_is_up(struct truth *truth, uint64_t at_ns, uint32_t peer);
/* The member of the instance that key belongs to at at_ns, by the instance's closeness; UINT32_MAX: nobody is up. A peer
 * index. O(log n). */
uint32_t truth_owner(struct truth *truth, uint64_t at_ns, uint32_t instance, const struct overlay_id *key);
/* The same of many keys, where nobody ever comes or goes: what is read for one is fetched while others are looked at. */
void truth_owners(const struct truth *truth, uint32_t instance, const struct overlay_id *keys, uint32_t count, uint32_t *owners);
/* A peer of the instance other than `but`, uniform over those up at at_ns; bits picks. UINT32_MAX: none. */
uint32_t truth_pick(struct truth *truth, uint64_t at_ns, uint32_t instance, uint32_t but, uint64_t bits);
/* The mean over [0, until_ns) of how many peers were up, for peers_up_mean. */
double truth_up_mean(struct truth *truth, uint64_t until_ns);
/* Whether all members of the instance are up. */
bool truth_all_up(struct truth *truth, uint64_t at_ns, uint32_t instance);
/* The ids of the members of an instance up at at_ns, in order, as id numbers, into a caller's array of id_count; returns
 * how many. For the census of a converged start. */
uint32_t truth_census(struct truth *truth, uint64_t at_ns, uint32_t instance, uint32_t *id_numbers);

#endif
