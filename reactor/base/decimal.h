/* Decimal text to scaled integers, exactly: "12.5" at scale 10^6 is 12500000; halves round up. No floating point, no
 * locale. For data files (matrices, CSV, .avt) and for quantities of a scenario alike. */
#ifndef REACTOR_BASE_DECIMAL_H
#define REACTOR_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

/* Reads digits[.digits][e[+-]digits] from the start of text (no sign, no blanks), multiplied by numerator /
 * denominator. Returns the bytes read (> 0), -EINVAL when there is no number, -ERANGE when the result exceeds
 * UINT64_MAX. */
int base_decimal_read(const char *text, size_t length, uint64_t numerator, uint64_t denominator, uint64_t *value);

/* The same text as a double, correctly rounded enough for parameters (shape, sigma): sign allowed; the result is a
 * function of the decimal digits alone (integer arithmetic, one division), the same on every processor. */
int base_decimal_read_real(const char *text, size_t length, double *value);

#endif
