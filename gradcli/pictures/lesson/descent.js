"use strict";
(() => {
  const { text, element, axes, path, level, paint, colour, mixed, spaced, range, isWide } = plots;
  const run = content;
  const COST = 3e6; // instructions that a contour may take
  const MOST = 5000; // steps of a descent
  const CROWD = 80; // steps beyond which they are a line without dots
  const SPANS = 3; // how many times its width a view grows to follow a descent
  let step = 0;

  // ------------------------------------------------------------ numbers

  const machines = new Map();
  function outputs(program, inputs) {
    if (!machines.has(program)) machines.set(program, interpreter(program));
    const { numbers, run: compute } = machines.get(program);
    inputs.forEach((x, slot) => { numbers[slot] = x; });
    compute();
    return program.outputs.map((slot) => numbers[slot]);
  }

  const limits = run.limits ?? [];
  const least = (i) => limits[i]?.[0] ?? -Infinity, most = (i) => limits[i]?.[1] ?? Infinity;

  const objective = run.objective && interpreter(run.objective);

  // Lets the objective know where the points of the data are.
  function placed() {
    if (run.data?.moves.length) objective?.numbers.set(run.data.points.flat(), run.names.length);
  }

  function valueAt(...point) {
    objective.numbers.set(point);
    objective.run();
    return run.factor * objective.numbers[run.objective.outputs[0]];
  }

  // Value and gradient of what is made small, at a point.
  function evaluate(point) {
    const value = valueAt(...point), gradient = run.objective.outputs.slice(1).map((slot) => objective.numbers[slot]);
    const free = gradient.map((g, i) => ((point[i] <= least(i) && g > 0) || (point[i] >= most(i) && g < 0) ? 0 : g));
    return { value, gradient, norm: Math.hypot(...free) };
  }

  const isFinal = ({ value, gradient }) => !Number.isFinite(value) || !gradient.every(Number.isFinite);

  // The steps of a descent, and how it ended: "", "arrived" or "diverged".
  function descended({ start, rate, method, count }) {
    const { program, memory } = run.methods[method];
    let point = [...start], kept = start.map(() => [...memory]), here = evaluate(point);
    const steps = [{ step: 0, point, ...here }];
    for (let t = 1; t <= count; t++) {
      if (isFinal(here)) return { steps, end: "diverged" };
      if (run.tolerance > 0 && here.norm <= run.tolerance) return { steps, end: "arrived" };
      const now = rate * (run.rates?.[t - 1] ?? 1);
      const moved = point.map((p, i) => outputs(program, [t, now, p, here.gradient[i], ...kept[i]]));
      point = moved.map(([p], i) => Math.min(Math.max(p, least(i)), most(i)));
      kept = moved.map(([, ...memory]) => memory);
      here = evaluate(point);
      if (isFinal(here) || !point.every(Number.isFinite)) return { steps, end: "diverged" };
      steps.push({ step: t, point, ...here });
    }
    return { steps, end: "" };
  }

  // ------------------------------------------------------------ a descent

  function descent() {
    const isLive = Boolean(run.objective && run.methods.length);
    const recorded = run.rows.map(([number, value, ...rest]) => ({ step: number, value, point: rest.slice(0, -2), norm: rest.at(-2) }));
    const solver = run.solver ?? (isLive ? null : "");
    const initial = { start: [...run.start], rate: run.rate, method: solver === null ? 0 : -1, count: Math.min(run.steps, MOST) };
    const state = structuredClone(initial);
    const dots = run.data && structuredClone(run.data.points);
    const names = run.names, base = names.map((_, i) => based(recorded.map(({ point }) => point[i])));
    let found = { steps: recorded, end: "" }, field = null;

    // The hull of a parameter on the way that was run; of one that diverged the beginning.
    function based(values) {
      const first = recorded[0].value, last = recorded.at(-1).value;
      const rises = run.factor * (last - first) > 0;
      return range(rises ? values.slice(0, 8) : values, names.length === 1 ? 0.8 : 0.25);
    }

    // From where to where an axis goes: it follows a descent, but not to anywhere.
    function view(i) {
      const [low, high] = base[i], room = SPANS * (high - low);
      const near = found.steps.map(({ point }) => point[i]).filter((x) => x >= low - room && x <= high + room);
      if (!near.length) return [low, high];
      // It grows in steps, because with each its levels are computed anew.
      const margin = (high - low) / 3, [first, last] = range(near, 0.02);
      const [left, right] = [low - margin * Math.ceil((low - first) / margin), high + margin * Math.ceil((last - high) / margin)];
      const edge = 0.04 * (high - low);
      return [Math.max(Math.min(low, left), least(i) - edge), Math.min(Math.max(high, right), most(i) + edge)];
    }

    // Names are set as mathematics, and so is what plain descent does to them.
    const figures = { numbers: [] }, set = filling(run.marks, figures, words, (x) => text(x));
    const named = (name) => run.letters[name] ?? name;
    const where = (point) => names.slice(0, 4).map((name, i) => `${named(name)} = ${text(point[i], 5)}`).join(", ") + (names.length > 4 ? ", …" : "");

    function computed() {
      placed();
      found = state.method < 0 ? { steps: recorded, end: "" } : descended(state);
      table();
    }

    function redrawn() {
      way();
      fitted();
      losses(found.steps.map((one) => one.step), [{ label: "", values: found.steps.map((one) => one.value) }], words["run step"]);
    }

    function way() {
      if (!run.objective || names.length > 2) return;
      const figure = byId("way"), svg = figure.querySelector("svg");
      figure.hidden = false;
      const views = names.map((_, i) => view(i)), points = found.steps.map((one) => one.point);
      const parts = { name: names[0], other: names[1], count: points.length - 1, where: set.fill(where(points[0])) };
      svg.setAttribute("aria-label", message(names.length === 1 ? "run curve" : "run contour", parts));
      if (names.length === 1) {
        const xs = spaced(views[0], 241), ys = xs.map((x) => valueAt(x));
        const at = axes(svg, { x: views[0], y: height(ys), across: names[0], up: words["run value"] });
        at.area.append(element("path", { class: "curve", d: path(at, xs, ys) }));
        trail(at, points.map(([x]) => x), found.steps.map((one) => one.value));
        movable(svg, at, 1);
        return;
      }
      const at = axes(svg, { x: views[0], y: views[1], across: names[0], up: names[1] });
      const key = JSON.stringify([views, run.data?.points]);
      if (field?.key !== key) {
        const cost = run.objective.code.length + 1;
        const size = Math.round(Math.min(61, Math.max(17, Math.sqrt(COST / cost))));
        const xs = spaced(views[0], size), ys = spaced(views[1], size);
        field = { key, xs, ys, z: ys.map((y) => xs.map((x) => valueAt(x, y))) };
      }
      const flat = field.z.flat().filter(Number.isFinite), wide = isWide(flat);
      const scale = wide ? (v) => Math.log(Math.max(v, Number.MIN_VALUE)) : (v) => v;
      const ends = [flat.filter((v) => !wide || v > 0), flat].map((all, k) => scale(all.reduce((a, b) => (k ? Math.max(a, b) : Math.min(a, b)), k ? -Infinity : Infinity)));
      const [far, near] = [colour("page"), colour("input-border")], [low, high] = run.factor > 0 ? [near, far] : [far, near];
      paint(figure.querySelector("canvas"), at, field.z, (v) => mixed(low, high, Math.min(1, Math.max(0, (scale(v) - ends[0]) / (ends[1] - ends[0] || 1)))));
      const lines = spaced(ends, 14).slice(1, -1).map((v) => level(at, field.xs, field.ys, field.z, wide ? Math.exp(v) : v));
      at.area.append(element("path", { class: "level", d: lines.join("") }));
      trail(at, points.map(([x]) => x), points.map(([, y]) => y));
      movable(svg, at, 2);
    }

    // The axis of a curve; one with a pole is cut.
    function height(values) {
      const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
      const [low, high] = [0.05, 0.95].map((share) => sorted[Math.floor(share * (sorted.length - 1))]);
      const near = sorted.filter((y) => y >= low - 3 * (high - low) && y <= high + 3 * (high - low));
      return range(near.length ? near : sorted, 0.08);
    }

    function trail(at, xs, ys) {
      at.area.append(element("path", { class: "way", d: path(at, xs.slice(0, step + 1), ys.slice(0, step + 1)) }));
      xs.slice(0, step + 1).forEach((x, k) => {
        if (k < step && step > CROWD) return;
        const dot = { cx: at.atX(x), cy: at.atY(ys[k]), r: k === step ? 7 : 4 };
        if (Number.isFinite(dot.cy)) at.area.append(element("circle", { class: k === step ? "dot now" : "dot", ...dot }));
      });
      const [x, y] = [at.atX(xs[0]) - 5, at.atY(ys[0]) - 5];
      if (Number.isFinite(y)) at.area.append(element("rect", { class: "begin", x, y, width: 10, height: 10 }));
    }

    // A press on the plot moves the start there.
    function movable(svg, at, count) {
      svg.back = at.back;
      if (!isLive || svg.onpointerdown) return;
      svg.classList.add("movable");
      dragged(svg, () => (event) => {
        const pressed = svg.back(event).slice(0, count);
        live();
        state.start = pressed.map((x, i) => Math.min(Math.max(Number(x.toPrecision(4)), least(i)), most(i)));
        changed();
      });
    }

    function fitted() {
      if (!run.data) return;
      const { x, y, points, curve, response, side } = run.data, svg = byId("data").querySelector("svg");
      byId("data").hidden = false;
      const across = range([...points[0], ...dots[0]], 0.1), at = axes(svg, { x: across, y: range([...points[1], ...dots[1]], 0.15), across: x, up: y });
      const { point } = found.steps[step], xs = spaced(across, 161);
      const ys = xs.map((v) => response - side * outputs(curve, [...point, v])[0]);
      at.area.append(element("path", { class: "curve", d: path(at, xs, ys) }));
      points[0].forEach((v, k) => {
        const fitting = response - side * outputs(curve, [...point, v])[0];
        at.area.append(element("path", { class: "residual", d: path(at, [v, v], [points[1][k], fitting]) }));
        const chosen = run.data.moves.length && byId("point").value === String(k);
        at.area.append(element("circle", { class: chosen ? "point chosen" : "point", cx: at.atX(v), cy: at.atY(points[1][k]), r: 6 }));
      });
      svg.setAttribute("aria-label", message("run fit", { count: points[0].length, x, y, step: found.steps[step].step }));
      svg.back = at.back;
      if (!run.data.moves.length || !isLive || svg.onpointerdown) return;
      svg.classList.add("movable");
      dragged(svg, (event) => {
        const circles = [...svg.querySelectorAll("circle")];
        const away = circles.map((circle) => { const box = circle.getBoundingClientRect(); return Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY); });
        const nearest = away.indexOf(Math.min(...away));
        if (away[nearest] > 24) return null;
        byId("point").value = String(nearest);
        return (moved) => {
          live();
          svg.back(moved).forEach((v, k) => { run.data.points[k][nearest] = Number(v.toPrecision(4)); });
          changed();
        };
      });
    }

    function table() {
      const body = byId("nodes").querySelector("tbody"), digits = names.length > 1 ? 4 : 5;
      const stride = Math.ceil(found.steps.length / 200);
      const rows = found.steps.filter((_, k) => k % stride === 0 || k === found.steps.length - 1);
      while (body.rows.length > rows.length) body.deleteRow(-1);
      while (body.rows.length < rows.length) {
        const row = body.insertRow(), head = document.createElement("th");
        head.scope = "row";
        row.append(head, ...listed.map(() => document.createElement("td")), document.createElement("td"), document.createElement("td"));
        row.onclick = () => go(found.steps.findIndex((one) => one.step === Number(row.dataset.step)));
      }
      rows.forEach((one, k) => {
        const row = body.rows[k];
        row.dataset.step = row.cells[0].textContent = one.step;
        [one.value, ...one.point.slice(0, listed.length), one.norm].forEach((number, index) => {
          const cell = row.cells[index + 1];
          cell.textContent = text(number, digits);
          cell.title = String(number);
        });
      });
    }

    const listed = names.slice(0, 3);
    headed([words["run step"], words["run value"], ...listed.map(named), words["run norm"]], set);

    function explain() {
      const here = found.steps[step], before = found.steps[step - 1], [first, last] = [found.steps[0], found.steps.at(-1)];
      const facts = { step: here.step, where: where(here.point), value: text(here.value, 5), slope: text(here.norm, 5) };
      typeset(byId("what"), before
        ? message("run at step", { ...facts, before: where(before.point), old: text(before.value, 5) })
        : message("run at start", facts), set);
      const isPlain = before && state.method >= 0 && run.methods[state.method].label === run.methods.find((m) => !m.memory.length)?.label;
      const isExplained = isPlain && !run.rates && run.factor > 0 && names.length <= 2;
      if (isExplained) figures.numbers = names.flatMap((_, i) => [before.point[i], state.rate, before.gradient[i], here.point[i]]);
      const rule = isExplained ? [] : run.methods[state.method]?.rule ?? [];
      typeset(byId("equation"), (isExplained ? names.map((name) => run.updates[name]) : rule).join(" \u2003 "), set);
      byId("symbols").hidden = !rule.length;
      byId("outcome").textContent = ended(first, last);
      root.dataset.end = found.end || (run.factor * (last.value - first.value) > 0 ? "rises" : "");
    }

    function ended(first, last) {
      const parts = { step: last.step, steps: last.step, old: text(first.value), value: text(last.value), slope: text(last.norm), method: run.solver };
      const sentences = [];
      const isWorse = run.factor * (last.value - first.value) > 0;
      if (state.method < 0) sentences.push(message(isLive ? "run recorded" : run.objective ? "run constrained" : "run fixed", parts));
      if (found.end === "diverged") sentences.push(message("run diverged", parts));
      else if (found.end === "arrived") sentences.push(message("run arrived", parts));
      else if (isWorse && last.norm > first.norm) sentences.push(message("run diverges", parts));
      else sentences.push(message(isWorse || run.factor < 0 ? "run rises" : "run falls", parts));
      const views = names.length <= 2 ? names.map((_, i) => view(i)) : [];
      const away = found.steps.find(({ point }) => views.some(([low, high], i) => point[i] < low || point[i] > high));
      if (away && run.objective) sentences.push(message("run leaves", { step: away.step }));
      return sentences.join(" ");
    }

    // ---------------------------------------------------------- what can be changed

    function controls() {
      byId("inputs").hidden = byId("hand").hidden = !isLive;
      if (!isLive) return;
      const method = byId("method");
      const labels = run.methods.map(({ label }) => label);
      [...(solver === null ? [] : [solver]), ...labels].forEach((label, k) => {
        const value = solver === null ? k : k - 1;
        method.add(new Option(words[`run ${label}`] ?? label, String(value)));
      });
      method.onchange = () => { state.method = Number(method.value); changed(); };
      names.slice(0, 6).forEach((name, i) => {
        const field = document.createElement("div");
        field.className = "choice";
        const label = document.createElement("label"), number = document.createElement("input"), bar = document.createElement("input");
        typeset(label, message("run start of", { name: named(name) }), set);
        [label.htmlFor, number.id, number.type, number.step] = [`start-${i}`, `start-${i}`, "number", "any"];
        [bar.id, bar.type, bar.step] = [`bar-${i}`, "range", "any"];
        for (const input of [number, bar]) input.setAttribute("aria-label", message("run start of", { name }));
        const [low, high] = base[i];
        [bar.min, bar.max] = [Math.max(low - (high - low), least(i)), Math.min(high + (high - low), most(i))];
        number.onchange = () => typed(number, (x) => { state.start[i] = Math.min(Math.max(x, least(i)), most(i)); });
        bar.oninput = () => { state.start[i] = Number(Number(bar.value).toPrecision(4)); live(); changed(); };
        field.append(label, number, bar);
        byId("starts").append(field);
      });
      byId("rate").onchange = () => typed(byId("rate"), (x) => { if (x > 0) state.rate = x; });
      byId("rate-slider").oninput = () => {
        state.rate = Number((initial.rate * 10 ** Number(byId("rate-slider").value)).toPrecision(3));
        live();
        changed();
      };
      byId("count").onchange = () => typed(byId("count"), (x) => { state.count = Math.min(MOST, Math.max(1, Math.round(x))); });
      byId("reset").onclick = () => {
        Object.assign(state, structuredClone(initial));
        if (run.data) run.data.points = structuredClone(dots);
        changed();
      };
      if (run.data?.moves.length) {
        byId("chosen").hidden = byId("drag").hidden = false;
        run.data.points[0].forEach((_, k) => byId("point").add(new Option(String(k + 1), String(k))));
        byId("point").onchange = changed;
        ["point-x", "point-y"].forEach((id, k) => {
          byId(id).setAttribute("aria-label", k ? run.data.y : run.data.x);
          byId(id).onchange = () => typed(byId(id), (x) => { run.data.points[k][Number(byId("point").value)] = x; live(); });
        });
      }
    }

    // What is changed runs here, by a method that can.
    function live() {
      if (state.method < 0) state.method = 0;
    }

    function typed(input, set) {
      const x = Number(input.value);
      if (input.value.trim() && Number.isFinite(x)) { live(); set(x); }
      changed();
    }

    function filled() {
      if (!isLive) return;
      byId("method").value = String(state.method);
      byId("rate").value = state.rate;
      byId("rate-slider").value = Math.log10(state.rate / initial.rate);
      byId("count").value = state.count;
      names.slice(0, 6).forEach((_, i) => { byId(`start-${i}`).value = state.start[i]; byId(`bar-${i}`).value = state.start[i]; });
      if (run.data?.moves.length) ["point-x", "point-y"].forEach((id, k) => { byId(id).value = run.data.points[k][Number(byId("point").value || 0)]; });
    }

    function changed() {
      quiet();
      const wasAtEnd = step === found.steps.length - 1;
      computed();
      filled();
      go(wasAtEnd ? found.steps.length - 1 : Math.min(step, found.steps.length - 1));
    }

    // ---------------------------------------------------------- addresses

    function address() {
      const parts = { step };
      if (state.method !== initial.method) parts.method = state.method;
      if (state.rate !== initial.rate) parts.lr = state.rate;
      if (state.count !== initial.count) parts.steps = state.count;
      names.forEach((name, i) => { if (state.start[i] !== initial.start[i]) parts[name] = state.start[i]; });
      return new URLSearchParams(parts).toString();
    }

    function addressed() {
      const parts = new URLSearchParams(location.hash.slice(1));
      const number = (key, set) => { const x = Number(parts.get(key)); if (parts.has(key) && Number.isFinite(x)) set(x); };
      if (isLive) {
        number("method", (x) => { if (x in run.methods) state.method = x; });
        number("lr", (x) => { if (x > 0) { live(); state.rate = x; } });
        number("steps", (x) => { live(); state.count = Math.min(MOST, Math.max(1, Math.round(x))); });
        names.forEach((name, i) => number(name, (x) => { live(); state.start[i] = x; }));
      }
      computed();
      step = found.steps.length - 1;
      number("step", (x) => { step = Math.min(Math.max(0, Math.round(x)), found.steps.length - 1); });
    }

    controls();
    addressed();
    filled();
    return { explain, redrawn, address, count: () => found.steps.length };
  }

  function headed(headings, set) {
    const row = byId("nodes").querySelector("thead").insertRow();
    for (const heading of headings) {
      const cell = document.createElement("th");
      cell.scope = "col";
      row.append(cell);
      if (set) typeset(cell, heading, set);
      else cell.textContent = heading;
    }
  }

  // Calls what begin(event) returns with each event of a drag.
  function dragged(svg, begin) {
    let move = null;
    svg.onpointerdown = (event) => {
      move = begin(event);
      if (!move) return;
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
      move(event);
    };
    svg.onpointermove = (event) => move?.(event);
    svg.onpointerup = svg.onpointercancel = () => { move = null; };
  }

  function losses(counts, curves, across) {
    const svg = byId("loss").querySelector("svg"), all = curves.flatMap(({ values }) => values);
    const log = isWide(all), shown = log ? all.filter((v) => v > 0) : all;
    const y = log ? [Math.min(...shown) / 1.3, Math.max(...shown.filter(Number.isFinite)) * 1.3] : range(shown, 0.08);
    const at = axes(svg, { x: range([counts[0], Math.max(counts.at(-1), counts[0] + 1)], 0.05), y, log, across, up: words["run value"], whole: true });
    curves.forEach(({ label, values }, k) => {
      at.area.append(element("path", { class: k ? "curve second" : "curve", d: path(at, counts, log ? values.map((v) => (v > 0 ? v : NaN)) : values) }));
      if (label) at.area.append(element("text", { class: k ? "key second" : "key", x: at.inner.width - 8, y: 16 + 18 * k, "text-anchor": "end" }, `${k ? "┄" : "─"} ${label}`));
    });
    const [cx, cy] = [at.atX(counts[step]), at.atY(curves[0].values[step])];
    if (Number.isFinite(cy)) at.area.append(element("circle", { class: "dot now", cx, cy, r: 6 }));
    const values = curves[0].values;
    svg.setAttribute("aria-label", message("run loss", { old: text(values[0]), value: text(values.at(-1)) }));
  }

  // ------------------------------------------------------------ epochs

  function learning() {
    const { epochs, boundary } = run, after = new Map(boundary?.after ?? []);
    const SHAPES = ["dot-a", "dot-b", "dot-c", "dot-d"], FILLS = ["input-fill", "result-fill", "constant-fill", "rule"];

    const keys = Object.keys(epochs[0]).filter((key) => typeof epochs[0][key] === "number");
    headed(keys.map((key) => words[`run ${key}`]));

    function table() {
      const body = byId("nodes").querySelector("tbody");
      epochs.forEach((epoch, k) => {
        const row = body.insertRow(), head = document.createElement("th");
        [head.scope, head.textContent] = ["row", epoch.epoch];
        row.append(head);
        for (const key of keys.slice(1)) {
          const cell = row.insertCell();
          [cell.textContent, cell.title] = [text(epoch[key] ?? NaN), String(epoch[key])];
        }
        row.dataset.step = epoch.epoch;
        row.onclick = () => go(k);
      });
    }

    function field(parameters) {
      return spaced(up, SIZE).map((y) => spaced(across, SIZE).map((x) => {
        const found = outputs(boundary.network, [...parameters, x, y]);
        return found.length === 1 ? found[0] : found.indexOf(Math.max(...found));
      }));
    }

    const isSingle = boundary?.network.outputs.length === 1;
    const SIZE = 61, across = boundary && range(boundary.points[0], 0.15), up = boundary && range(boundary.points[1], 0.15);
    // A network whose output is a probability decides at one half, others at 0.
    const middle = isSingle && field([...after.values()].at(-1)).flat().every((v) => v >= 0 && v <= 1) ? 0.5 : 0;

    function network() {
      const figure = byId("way"), svg = figure.querySelector("svg"), [xs, ys, labels] = boundary.points;
      figure.hidden = false;
      figure.querySelector("figcaption").textContent = words["run data and model"];
      const at = axes(svg, { x: across, y: up, across: boundary.inputs[0], up: boundary.inputs[1] });
      const known = [...after.keys()].filter((epoch) => epoch <= epochs[step].epoch);
      const parameters = after.get(known.length ? Math.max(...known) : [...after.keys()][0]);
      const z = field(parameters), fills = FILLS.map(colour);
      paint(figure.querySelector("canvas"), at, z, (v) => fills[isSingle ? Number(v >= middle) : v % fills.length]);
      if (isSingle) at.area.append(element("path", { class: "boundary", d: level(at, spaced(across, SIZE), spaced(up, SIZE), z, middle) }));
      const kinds = [...new Set(labels)].sort((a, b) => a - b);
      xs.forEach((x, k) => {
        const kind = kinds.indexOf(labels[k]) % SHAPES.length, [cx, cy] = [at.atX(x), at.atY(ys[k])];
        at.area.append(kind % 2
          ? element("rect", { class: SHAPES[kind], x: cx - 4, y: cy - 4, width: 8, height: 8 })
          : element("circle", { class: SHAPES[kind], cx, cy, r: 4.5 }));
      });
      const facts = { name: boundary.inputs[0], other: boundary.inputs[1], step: epochs[step].epoch, count: xs.length };
      svg.setAttribute("aria-label", message("run network", facts));
    }

    function explain() {
      const epoch = epochs[step], sentences = [];
      byId("what").textContent = message("run after epoch", { step: epoch.epoch, value: text(epoch.value) });
      for (const [key, word] of [["validation", "run on validation"], ["metric", "run on metric"]]) if (key in epoch) sentences.push(message(word, { value: text(epoch[key]) }));
      byId("equation").textContent = sentences.join(" ");
      byId("outcome").textContent = isSingle ? message("run boundary", { value: text(middle) }) : "";
    }

    function redrawn() {
      if (boundary) network();
      const curves = [{ label: "validation" in epochs[0] ? words["run data"] : "", values: epochs.map((e) => e.value) }];
      if ("validation" in epochs[0]) curves.push({ label: words["run validation"], values: epochs.map((e) => e.validation ?? NaN) });
      losses(epochs.map((e) => e.epoch), curves, words["run epoch"]);
    }

    table();
    const requested = Number(new URLSearchParams(location.hash.slice(1)).get("step") ?? epochs.length - 1);
    step = Math.min(Math.max(0, Math.round(requested) || 0), epochs.length - 1);
    return { explain, redrawn, address: () => `step=${step}`, count: () => epochs.length };
  }

  // ------------------------------------------------------------ steps

  const shown = run.epochs ? learning() : descent();

  function go(to) {
    step = Math.min(Math.max(0, to), shown.count() - 1);
    show();
    if (step === shown.count() - 1) stepper.pause();
  }

  function show() {
    stepper.stand(`${step} / ${shown.count() - 1}`);
    pictured();
    shown.explain();
    for (const row of byId("nodes").querySelectorAll("tbody tr")) {
      markRow(row, Number(row.dataset.step) === (run.epochs ? run.epochs[step].epoch : step));
    }
    write();
  }

  const write = addressed(() => shown.address());

  // Draws once for all that changes until the next picture.
  const pictured = soon(() => {
    shown.redrawn();
    reveal(byId("nodes"), [...byId("nodes").querySelectorAll("tr.now")]);
  });

  const stepper = stepping({ seconds: 0.7, first: 0, at: () => step, last: () => shown.count() - 1, show: go });
  begin();
  colouring(show);
  matchMedia("print").addEventListener("change", () => shown.redrawn());
  addEventListener("hashchange", () => location.reload());
  new ResizeObserver(() => { sets.clear(); fitHeading(); show(); }).observe(byId("stage"));
})();
