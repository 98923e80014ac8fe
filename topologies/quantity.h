/* Numbers with units: "50 ms", "10 Mbit/s", "128 KiB", "0.1 %", exactly; halves round up. And back to text. */
#ifndef TOPOLOGIES_QUANTITY_H
#define TOPOLOGIES_QUANTITY_H

#include "reactor/base/arena.h"
#include "topologies/parameter.h"

struct topology_unit {
    const char *name;
    uint64_t factor; /* base units (ns, bytes, bits a second, ppb) in one */
};

/* The units of a type, ascending, ended by a NULL name; NULL for a type without. */
const struct topology_unit *topology_units(enum topology_type type);
uint64_t topology_quantity_max(enum topology_type type);

enum topology_quantity_error {
    TOPOLOGY_QUANTITY_GOOD,
    TOPOLOGY_QUANTITY_NO_NUMBER,
    TOPOLOGY_QUANTITY_NO_UNIT,
    TOPOLOGY_QUANTITY_UNKNOWN_UNIT, /* *unit says which */
    TOPOLOGY_QUANTITY_NEGATIVE,
    TOPOLOGY_QUANTITY_TOO_LARGE,    /* above topology_quantity_max */
};

/* Reads the whole text; *unit points into it, at what stands in the unit's place. */
enum topology_quantity_error topology_quantity_read(enum topology_type type, const char *text, uint64_t *value,
                                                    const char **unit);
/* The largest unit in which the value is whole: 7200000000000 ns is "2 h"; a share as a percentage. */
const char *topology_quantity_text(struct base_arena *arena, enum topology_type type, uint64_t value);
/* The shortest decimal that reads back as the same double. */
const char *topology_real_text(struct base_arena *arena, double value);

#endif
