/* Value and derivatives of two means over rows, in one pass: result[0] the value, then by each. */
#include <math.h>

/* mean((a*exp(-b*x) + c - y)^2) */
void exponential(long count, const double *x, const double *y, const double *at, double *result) {
    double a = at[0], b = at[1], c = at[2];
    double value = 0, by_a = 0, by_b = 0, by_c = 0;
    for (long k = 0; k < count; k++) {
        double e = exp(-b * x[k]);
        double r = a * e + c - y[k];
        value += r * r;
        by_a += r * e;
        by_b -= r * a * e * x[k];
        by_c += r;
    }
    result[0] = value / count;
    result[1] = 2 * by_a / count;
    result[2] = 2 * by_b / count;
    result[3] = 2 * by_c / count;
}

/* mean((a*x + b - y)^2) */
void line(long count, const double *x, const double *y, const double *at, double *result) {
    double a = at[0], b = at[1];
    double value = 0, by_a = 0, by_b = 0;
    for (long k = 0; k < count; k++) {
        double r = a * x[k] + b - y[k];
        value += r * r;
        by_a += r * x[k];
        by_b += r;
    }
    result[0] = value / count;
    result[1] = 2 * by_a / count;
    result[2] = 2 * by_b / count;
}
