#include "sim/repro/repro.h"

#include <stddef.h>

const struct repro_row *const repro_rows[] = {
    &repro_c1,
    &repro_c2,
    &repro_c2b,
    &repro_c3,
    &repro_c4,
    &repro_c6,
    &repro_c9,
    &repro_c16,
    &repro_c18,
    NULL,
};
