/* Gradient descent on (1-x)^2 + 100*(y-x^2)^2 from (-1.2, 1): loop STEPS prints where it ends. */
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words) {
    long steps = count > 1 ? atol(words[1]) : 1;
    double x = -1.2, y = 1.0;
    for (long k = 0; k < steps; k++) {
        double a = 1 - x, b = y - x * x;
        double by_x = -2 * a - 400 * x * b, by_y = 200 * b;
        x -= 1e-3 * by_x;
        y -= 1e-3 * by_y;
    }
    printf("%.17g %.17g\n", x, y);
    return 0;
}
