"use strict";
// What the plots of a page are made of: numbers as text, axes, lines, levels of a field.
const plots = (() => {
  const MARGIN = { left: 58, right: 14, top: 10, bottom: 38 };
  const FAR = 1e5; // pixels beyond which a line is drawn no further

  function text(x, digits = 6) {
    if (x === null || Number.isNaN(x)) return "–";
    if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
    const short = Math.abs(x) < 1e-3 && x !== 0 ? x.toExponential(Math.max(digits - 2, 1)).replace(/\.?0*e/, "e") : String(Number(x.toPrecision(digits)));
    return short.replace("e+", "e").replaceAll("-", "−");
  }

  function element(name, attributes = {}, content = "") {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    made.textContent = content;
    return made;
  }

  // Multiples of 1, 2 or 5 times a power of ten between two numbers, at most so many.
  function ticks(low, high, most, least = 0) {
    const rough = Math.max((high - low) / most, least);
    if (!(rough > 0) || !Number.isFinite(rough)) return [low];
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * (1 - 1e-9));
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
    return found;
  }

  function decades(low, high) {
    const powers = ticks(Math.log10(low), Math.log10(high), 6, 1).map((power) => 10 ** Math.round(power));
    return powers.length > 1 ? powers : ticks(low, high, 5).filter((x) => x > 0);
  }

  // Whether a logarithmic scale helps: positive numbers over more than two powers of ten.
  function isWide(values) {
    const found = values.filter((x) => Number.isFinite(x) && x !== 0);
    const least = Math.min(...found);
    return found.length > 1 && least > 0 && Math.max(...found) > 100 * least;
  }

  // The range of numbers with room on both sides; never empty.
  function range(values, share = 0.05) {
    const found = values.filter(Number.isFinite);
    if (!found.length) return [0, 1];
    const low = Math.min(...found), high = Math.max(...found);
    const room = share * (high - low) || Math.abs(low) / 2 || 1;
    return [low - room, high + room];
  }

  // Draws axes into an svg, and returns where to draw between them and how to get there.
  function axes(svg, { x, y, log = false, across, up, whole = false }) {
    const width = Math.max(svg.clientWidth, 160), height = Math.max(svg.clientHeight, 120);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("preserveAspectRatio", "none"); // on paper, until it is drawn anew
    svg.replaceChildren();
    const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const scale = log ? Math.log10 : (v) => v;
    const [low, high] = y.map(scale);
    const clipped = (pixels) => Math.min(Math.max(pixels, -FAR), FAR);
    const atX = (v) => clipped(((v - x[0]) / (x[1] - x[0])) * inner.width);
    const atY = (v) => clipped((1 - (scale(v) - low) / (high - low)) * inner.height);
    for (const v of ticks(x[0], x[1], Math.max(3, Math.floor(inner.width / 80)), whole ? 1 : 0)) {
      const at = MARGIN.left + atX(v);
      svg.append(element("line", { class: "grid", x1: at, x2: at, y1: MARGIN.top, y2: MARGIN.top + inner.height }));
      svg.append(element("text", { class: "tick", x: at, y: height - 21, "text-anchor": "middle" }, text(v, 4)));
    }
    for (const v of log ? decades(...y) : ticks(y[0], y[1], Math.max(3, Math.floor(inner.height / 45)))) {
      const at = MARGIN.top + atY(v);
      svg.append(element("line", { class: "grid", y1: at, y2: at, x1: MARGIN.left, x2: MARGIN.left + inner.width }));
      svg.append(element("text", { class: "tick", x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, text(v, 4)));
    }
    svg.append(element("text", { class: "axis", x: MARGIN.left + inner.width / 2, y: height - 5, "text-anchor": "middle" }, across));
    svg.append(element("text", { class: "axis", x: -(MARGIN.top + inner.height / 2), y: 11, "text-anchor": "middle", transform: "rotate(-90)" }, up));
    const area = element("svg", { x: MARGIN.left, y: MARGIN.top, ...inner });
    svg.append(area);
    const back = (event) => {
      const box = svg.getBoundingClientRect();
      const [px, py] = [event.clientX - box.left - MARGIN.left, event.clientY - box.top - MARGIN.top];
      return [x[0] + (px / inner.width) * (x[1] - x[0]), y[0] + (1 - py / inner.height) * (y[1] - y[0])];
    };
    return { area, atX, atY, back, inner, width, height, left: MARGIN.left, top: MARGIN.top };
  }

  // A path through points in order, broken where a number is not finite.
  function path(at, xs, ys) {
    let open = false, found = "";
    xs.forEach((x, i) => {
      const isPoint = Number.isFinite(x) && Number.isFinite(ys[i]);
      if (isPoint) found += `${open ? "L" : "M"}${at.atX(x).toFixed(2)} ${at.atY(ys[i]).toFixed(2)}`;
      open = isPoint;
    });
    return found;
  }

  const spaced = ([low, high], count) => Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));

  // The path along which a field z[j][i] over xs[i], ys[j] has a value, cell by cell.
  function level(at, xs, ys, z, value) {
    let found = "";
    const between = (a, b, p, q) => p + ((value - a) / (b - a)) * (q - p);
    for (let j = 0; j + 1 < ys.length; j++) {
      for (let i = 0; i + 1 < xs.length; i++) {
        const [a, b, c, d] = [z[j][i], z[j][i + 1], z[j + 1][i + 1], z[j + 1][i]];
        if (!Number.isFinite(a + b + c + d)) continue;
        const ends = [];
        if (a < value !== b < value) ends.push([between(a, b, xs[i], xs[i + 1]), ys[j]]);
        if (b < value !== c < value) ends.push([xs[i + 1], between(b, c, ys[j], ys[j + 1])]);
        if (d < value !== c < value) ends.push([between(d, c, xs[i], xs[i + 1]), ys[j + 1]]);
        if (a < value !== d < value) ends.push([xs[i], between(a, d, ys[j], ys[j + 1])]);
        for (let k = 0; k + 1 < ends.length; k += 2) {
          found += path(at, [ends[k][0], ends[k + 1][0]], [ends[k][1], ends[k + 1][1]]);
        }
      }
    }
    return found;
  }

  const colour = (name) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
  };

  // Paints a field behind the area of a plot; shade gives the colour of a number.
  function paint(canvas, at, z, shade) {
    const share = (length, whole) => `${(100 * length) / whole}%`;
    Object.assign(canvas.style, {
      left: share(at.left, at.width), width: share(at.inner.width, at.width),
      top: share(at.top, at.height), height: share(at.inner.height, at.height),
    });
    canvas.width = z[0].length;
    canvas.height = z.length;
    const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
    z.forEach((row, j) => row.forEach((value, i) => {
      const offset = 4 * ((z.length - 1 - j) * row.length + i);
      const [red, green, blue] = Number.isFinite(value) ? shade(value) : [0, 0, 0];
      image.data.set([red, green, blue, Number.isFinite(value) ? 255 : 0], offset);
    }));
    context.putImageData(image, 0, 0);
  }

  const mixed = (from, to, share) => from.map((x, k) => x + (to[k] - x) * share);

  return { text, element, axes, path, level, paint, colour, mixed, spaced, range, isWide };
})();
