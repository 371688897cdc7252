"use strict";
// The functions of numbers that programs are made of: those of Math, and what it lacks.
const library = (() => {
  const { abs, exp, floor, round, PI, sqrt } = Math;
  const truth = (condition) => (condition ? 1 : 0);

  // The series of positive terms exp(-x²) Σ 2^n x^(2n+1)/(2n+1)!! (DLMF 7.6.2), for |x| < 1.
  function series(x) {
    let term = x, total = x;
    for (let n = 1; abs(term) > 1e-18 * abs(total); n++) total += term *= (2 * x * x) / (2 * n + 1);
    return (2 / sqrt(PI)) * exp(-x * x) * total;
  }

  // exp(-x²) with the rounding of x² put right.
  function bell(x) {
    const high = Math.fround(x), low = x - high;
    return exp(-high * high) * exp(-low * (x + high));
  }

  // For x >= 1 by the trapezoidal rule on the integral DLMF 7.7.1, with the term for its poles.
  function complement(x) {
    if (x > 27.3) return 0;
    const h = 0.5;
    let total = 1 / (x * x);
    for (let n = 1; n <= 14; n++) total += (2 * exp(-n * n * h * h)) / (n * n * h * h + x * x);
    const poles = x < PI / h ? 2 / Math.expm1((2 * PI * x) / h) : 0;
    return (h * x * bell(x) * total) / PI - poles;
  }

  const erf = (x) => (abs(x) < 1 ? series(x) : x > 0 ? 1 - complement(x) : x < 0 ? complement(-x) - 1 : x);
  const erfc = (x) => (abs(x) < 1 ? 1 - series(x) : x > 0 ? complement(x) : x < 0 ? 2 - complement(-x) : x);

  return {
    "+": (x, y) => x + y,
    "-": (x, y) => x - y,
    "*": (x, y) => x * y,
    "/": (x, y) => x / y,
    "<": (x, y) => truth(x < y),
    "<=": (x, y) => truth(x <= y),
    ">": (x, y) => truth(x > y),
    ">=": (x, y) => truth(x >= y),
    "==": (x, y) => truth(x === y),
    "!=": (x, y) => truth(x !== y),
    and: (x, y) => truth(x && y),
    or: (x, y) => truth(x || y),
    xor: (x, y) => truth(x !== y),
    negative: (x) => -x,
    where: (condition, x, y) => (condition ? x : y),
    // C's pow, unlike JavaScript's, is 1 for a base of ±1 with any exponent, and for an exponent 0.
    pow: (x, y) => (x === 1 || (x === -1 && abs(y) === Infinity) ? 1 : Math.pow(x, y)),
    fmod: (x, y) => x % y,
    copysign: (x, y) => (y < 0 || Object.is(y, -0) ? -abs(x) : abs(x)),
    rint: (x) => (abs(x) % 1 === 0.5 ? 2 * round(x / 2) : round(x)),
    erf,
    erfc,
    ...Object.fromEntries(["abs", "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan",
      "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil",
    ].map((name) => [name, Math[name]])),
  };
})();
