"use strict";
// Complete elliptic integrals and Lambert's W, to 1e-13.
Object.assign(library, (() => {
  const { abs, E, exp, log1p, PI, sqrt } = Math;

  // K, and D = (K - E)/m, by the arithmetic-geometric mean (DLMF 19.8.1, 19.8.2 and 19.25.1).
  function elliptic(m) {
    let a = 1, b = sqrt(1 - m), sum = 0.5, power = 1;
    for (let k = 0; k < 40 && abs(a - b) > 1e-16 * a; k++, power *= 2) {
      sum += power * ((a - b) / 2) * ((a - b) / 2 / m);
      [a, b] = [(a + b) / 2, sqrt(a * b)];
    }
    const K = PI / (2 * a);
    return m < 1 ? [K, K * sum] : [NaN, NaN];
  }

  // e·x + 1 with the rounding of e and of the product put right.
  function aboveBranch(x) {
    const split = (y) => { const big = 134217729 * y, high = big - (big - y); return [high, y - high]; };
    const product = E * x, [[e, f], [y, z]] = [split(E), split(x)];
    return product + 1 + (e * y - product + e * z + f * y + f * z + 1.4456468917292502e-16 * x);
  }

  // Of the series in p = √(2(e·x + 1)) for W + 1 (DLMF 4.13.6).
  const BRANCH = [1, -1 / 3, 11 / 72, -43 / 540, 769 / 17280, -221 / 8505, 680863 / 43545600, -1963 / 204120, 226287557 / 37623398400, -5776369 / 1515591000];

  // W and W + 1.
  function lambert(x) {
    const above = x < 1 ? aboveBranch(x) : 1, p = sqrt(2 * above);
    if (!(above >= 0)) return [NaN, NaN];
    if (p < 0.08) {
      const found = BRANCH.reduceRight((sum, term) => sum * p + term, 0) * p;
      return [found - 1, found];
    }
    const length = log1p(x);
    let w = x < 0 ? p - 1 - (p * p) / 3 : length * (1 - log1p(length) / (2 + length));
    // Halley's steps.
    for (let k = 0; k < 20 && w; k++) {
      const apart = w - x * exp(-w), step = apart / (w + 1 - ((w + 2) * apart) / (2 * w + 2));
      w -= step;
      if (abs(step) <= 1e-15 * abs(w)) break;
    }
    return [w, w + 1];
  }

  return {
    ellipk: (m) => elliptic(m)[0],
    elliptic_d: (m) => elliptic(m)[1],
    elliptic_b: (m) => { const [K, D] = elliptic(m); return K - D; },
    ellipe: (m) => { if (m === 1) return 1; const [K, D] = elliptic(m); return K - m * D; },
    lambertw: (x) => lambert(x)[0],
    lambertw_slope: (x) => { const [w, one] = lambert(x); return (x > 1 ? w / x : exp(-w)) / one; },
  };
})());
