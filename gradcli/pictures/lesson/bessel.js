"use strict";
// Bessel functions of whole order (K of any), for the numbers that a lesson has: 1e-13 near enough.
Object.assign(library, (() => {
  const { abs, cos, cosh, exp, floor, hypot, log, max, min, PI, sin, sqrt } = Math;
  const euler = 0.5772156649015329;
  const odd = (n) => (n % 2 ? -1 : 1);

  // The power series (DLMF 10.2.2, 10.25.2), whose terms have one sign for I.
  function series(n, x, sign) {
    let term = 1;
    for (let k = 1; k <= n; k++) term *= x / 2 / k;
    let total = term;
    for (let k = 1; abs(term) > 1e-17 * abs(total); k++) total += term *= (sign * x * x) / 4 / (k * (k + n));
    return total;
  }

  // J_0, J_1 … J_n and on, by recurrence from far above, where it is as good as 0 (Miller).
  function downwards(n, x) {
    const far = max(n, x), start = 2 * floor((far + sqrt(60 * far) + 30) / 2);
    const found = new Array(start + 2).fill(0);
    found[start] = 1e-280;
    for (let k = start; k > 0; k--) {
      found[k - 1] = ((2 * k) / x) * found[k] - found[k + 1];
      if (abs(found[k - 1]) > 1e250) for (let i = k - 1; i <= start; i++) found[i] *= 1e-250;
    }
    let total = found[0];
    for (let k = 2; k <= start; k += 2) total += 2 * found[k];
    return found.map((value) => value / total);
  }

  // Far out by DLMF 10.17.3: J and Y, from the amplitudes of the two waves.
  function outside(n, x) {
    let term = 1, first = 0, second = 0;
    for (let k = 0; abs(term) > 1e-18 && k < 200; k++) {
      if (k % 2) second += (k % 4 === 1 ? 1 : -1) * term;
      else first += (k % 4 === 0 ? 1 : -1) * term;
      term *= (4 * n * n - (2 * k + 1) ** 2) / (8 * x * (k + 1));
    }
    // cos and sin of x - nπ/2 - π/4, without the rounding of the difference.
    const turns = ((n % 4) + 4) % 4;
    let [c, s] = [(cos(x) + sin(x)) / sqrt(2), (sin(x) - cos(x)) / sqrt(2)];
    for (let k = 0; k < turns; k++) [c, s] = [s, -c];
    const size = sqrt(2 / (PI * x));
    return [size * (first * c - second * s), size * (first * s + second * c)];
  }

  const isOutside = (n, x) => x > max(40, n * n);

  function besselj(n, x) {
    if (n < 0) return odd(n) * besselj(-n, x);
    if (x < 0) return odd(n) * besselj(n, -x);
    if (!(x < Infinity)) return x === Infinity ? 0 : x;
    if (x * x < 4 * (n + 1)) return series(n, x, -1);
    return isOutside(n, x) ? outside(n, x)[0] : downwards(n, x)[n];
  }

  // Y_0 and Y_1 from all J (DLMF 10.8.1's regular part as Neumann's series), then upwards.
  function bessely(n, x) {
    if (n < 0) return odd(n) * bessely(-n, x);
    if (!(x > 0)) return NaN;
    if (isOutside(n, x)) return outside(n, x)[1];
    const j = downwards(1, x), lead = log(x / 2) + euler;
    let even = lead * j[0], uneven = (lead - 1) * j[1] - j[0] / x;
    for (let k = 1; 2 * k + 1 < j.length; k++) {
      even -= (2 * odd(k) * j[2 * k]) / k;
      uneven -= (odd(k) * (2 * k + 1) * j[2 * k + 1]) / (k * (k + 1));
    }
    let [before, found] = [(2 / PI) * even, (2 / PI) * uneven];
    if (n === 0) return before;
    for (let k = 1; k < n; k++) [before, found] = [found, ((2 * k) / x) * found - before];
    return found;
  }

  const besseli = (n, x) => (n < 0 ? besseli(-n, x) : x < 0 ? odd(n) * series(n, -x, 1) : series(n, x, 1));

  // The integral DLMF 10.32.9 by the trapezoidal rule.
  function besselk(n, x) {
    if (!(x > 0)) return NaN;
    const h = min(0.15, 0.6 / sqrt(x));
    let total = 0.5, term = 1;
    for (let k = 1; term > 1e-18 * total || k * h < 1; k++) {
      const t = k * h, down = x * (cosh(t) - 1);
      total += term = (exp(n * t - down) + exp(-n * t - down)) / 2;
    }
    return h * exp(-x) * total;
  }

  return { besselj, bessely, besseli, besselk };
})());
