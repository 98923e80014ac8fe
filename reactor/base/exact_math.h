/* log, exp, power, quantiles and gamma from + - * / sqrt only, contraction off: the same last bit on every IEEE-754
 * processor, compiler and optimisation level, which libm does not promise (DESIGN.md section 3). Accuracy: relative
 * error below 5e-16 for log and exp, 2e-13 for the rest (typically 1e-15); tested against libm. */
#ifndef REACTOR_BASE_EXACT_MATH_H
#define REACTOR_BASE_EXACT_MATH_H

#include <stdint.h>

double base_exact_log(double x);                  /* natural; x > 0 finite, else NaN */
double base_exact_exp(double x);                  /* saturates to 0 and to the largest finite number */
double base_exact_power(double x, double y);      /* x > 0 */
double base_exact_normal_quantile(double p);      /* of the standard normal, p in (0, 1); Wichura AS 241 PPND16 */
double base_exact_normal_below(double x);         /* its distribution function, absolute error below 1e-12 */
double base_exact_log_gamma(double x);            /* x > 0; Lanczos; the error is relative to 1 + |result| */
uint64_t base_exact_round(double x);              /* half up; 0 for x <= 0 or NaN; saturates at INT64_MAX */

#endif
