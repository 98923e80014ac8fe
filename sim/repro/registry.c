#include "sim/repro/repro.h"

#include <stddef.h>

const struct repro_row *const repro_rows[] = {
    &repro_c6,
    &repro_c9,
    NULL,
};
