"use strict";
// What a reader changes: the inputs, the guess, the steps of gradient descent, the address. Each is
// made of the page, whose functions and numbers it uses.

// A field and a slider for each input that is a number, and which input forward mode follows.
function inputFields({ live, now, lastNumber, changed }) {
  const made = [];
  const seeds = Object.keys(live?.seeds ?? {});
  const values = Object.entries(live?.boxes ?? {})
    .map(([key, [value]]) => ({ key, slot: lastNumber(value)?.slot }))
    .filter(({ slot }) => slot !== undefined);

  // A slider goes as far as the next power of ten, to both sides.
  const reach = (x) => 10 ** Math.max(0, Math.ceil(Math.log10(2 * Math.abs(x) || 1)));

  // A field has room for seven digits; all are there for those who point at it.
  const brief = (x) => (String(x).length > 9 ? String(Number(x.toPrecision(7))) : String(x));

  function set(slot, x) {
    if (!Number.isFinite(x)) return;
    now.numbers[slot] = x;
    changed();
  }

  for (const { name, slot } of live?.inputs ?? []) {
    const row = document.createElement("div"), label = document.createElement("label");
    const field = document.createElement("input"), slide = document.createElement("input");
    row.className = "field";
    field.id = `input-${slot}`;
    field.inputMode = "decimal";
    field.autocomplete = "off";
    label.htmlFor = field.id;
    label.textContent = name;
    field.setAttribute("aria-label", message("value of", { name }));
    slide.type = "range";
    slide.setAttribute("aria-label", message("slider of", { name }));
    field.addEventListener("input", () => set(slot, field.value.trim() === "" ? NaN : Number(field.value.replace("−", "-"))));
    slide.addEventListener("input", () => set(slot, Number(slide.value)));
    row.append(label, field, slide);
    byId("fields").append(row);
    made.push({ name, slot, field, slide });
  }
  const select = byId("seeds");
  for (const name of seeds) select.append(new Option(name, name));
  select.addEventListener("change", () => {
    follow(select.value);
    changed();
  });

  // Lets forward mode follow one input: it changes at the rate 1, the others not at all.
  function follow(seed) {
    if (!seeds.includes(seed)) return;
    now.seed = seed;
    select.value = seed;
    for (const name of seeds) now.numbers[live.seeds[name]] = name === seed ? 1 : 0;
  }

  function reset() {
    if (!live) return;
    now.numbers.set(live.start);
    follow(now.seed || seeds[0]);
  }
  byId("reset").addEventListener("click", () => {
    reset();
    changed();
  });

  function draw() {
    if (!live) return;
    for (const { slot, field, slide } of made) {
      const x = now.numbers[slot], far = Math.max(reach(x), reach(live.start[slot]));
      if (Number(slide.max) !== far) Object.assign(slide, { min: -far, max: far, step: far / 1000 });
      if (Number(slide.value) !== x) slide.value = x;
      field.title = String(x);
      if (field !== scope.activeElement || !Object.is(Number(field.value), x)) field.value = brief(x);
    }
    // The first nodes without a value are why others have none.
    const missing = values.filter(({ key, slot }) => now.read.has(key) && !Number.isFinite(now.numbers[slot]));
    const names = missing.slice(0, 2).map(({ key }) => live.names[key]).join(", ");
    write(byId("undefined"), names ? message("undefined", { names }) : "");
    byId("undefined").hidden = !names;
  }

  const byName = new Map(made.map(({ name, slot }) => [name, slot]));
  return { draw, reset, follow, byName };
}

// Guess first: the number that a step ends with is typed in before it is shown.
function guessing({ shown, lastNumber, now, isGuessing, frame, restart, draw: redraw }) {
  let isOpen = false;
  const question = () => (isOpen ? lastNumber(frame().equation) : null);

  function begin() {
    isOpen = isGuessing();
    write(byId("verdict"), "");
    byId("guessed").value = "";
  }

  function reveal(verdict) {
    isOpen = false;
    redraw();
    write(byId("verdict"), verdict);
    byId("next").focus();
  }

  byId("guessing").addEventListener("click", () => {
    byId("guessing").setAttribute("aria-pressed", String(!isGuessing()));
    restart();
  });
  byId("reveal").addEventListener("click", () => reveal(""));
  byId("guess").addEventListener("submit", (event) => {
    event.preventDefault();
    const right = now.numbers[question().slot];
    const typed = byId("guessed").value.trim().replace(/[−–]/g, "-");
    const [over, under = 1] = typed.split("/").map((part) => (part.trim() === "" ? NaN : Number(part)));
    const guess = over / under;
    if (Number.isNaN(guess)) return write(byId("verdict"), words["no number"]);
    // Two or three digits are good enough.
    const isRight = shown(guess) === shown(right) || Math.abs(guess - right) <= 0.005 * Math.abs(right);
    if (isRight) reveal(message("right", { number: shown(right) }));
    else write(byId("verdict"), message("wrong", { guess: typed }));
  });

  function draw(isAsking) {
    byId("guess").hidden = !isGuessing() || !lastNumber(frame().equation);
    for (const id of ["question", "guessed", "check", "reveal"]) byId(id).hidden = !isAsking;
  }

  return { question, begin, draw };
}

// Gradient descent: every input moves by −rate · its gradient, and the values make a curve.
function descending({ shown, live, now, letter, changed }) {
  const space = scope.querySelector("#stage svg").namespaceURI;
  const svg = document.createElementNS(space, "svg"), line = document.createElementNS(space, "polyline");
  const values = [];
  let left = null, isNew = false;
  svg.setAttribute("id", "curve");
  svg.setAttribute("viewBox", "0 0 200 60");
  svg.setAttribute("role", "img");
  svg.append(line);
  byId("descent").append(svg);

  byId("descent").addEventListener("submit", (event) => {
    event.preventDefault();
    const rate = Number(byId("rate").value);
    if (!Number.isFinite(rate) || !byId("rate").value.trim()) return;
    if (!values.length) values.push(now.numbers[live.result]);
    const moved = live.moves.map(([slot, slope]) => now.numbers[slot] - rate * now.numbers[slope]);
    live.moves.forEach(([slot], i) => (now.numbers[slot] = moved[i]));
    left = moved;
    isNew = true;
    changed();
  });

  function draw() {
    if (!live || byId("descent").hidden) return;
    // Inputs that were moved by hand begin another curve.
    if (live.moves.some(([slot], i) => left && !Object.is(left[i], now.numbers[slot]))) {
      values.length = 0;
      left = null;
    }
    if (isNew) values.push(now.numbers[live.result]);
    isNew = false;
    const count = values.length - 1;
    svg.classList.toggle("empty", count < 1);
    if (count < 1) return write(byId("descended"), message("descent words", { rate: byId("rate").value }));
    const change = values[count] - values[count - 1];
    const how = change < 0 ? "fell" : change > 0 ? "rose" : "stayed";
    const parts = { count, letter, value: shown(values[count]), change: shown(Math.abs(change)) };
    write(byId("descended"), `${message(count === 1 ? "descended once" : "descended", parts)} ${message(how, parts)}`);
    const known = values.filter(Number.isFinite), low = Math.min(...known), high = Math.max(...known);
    const points = values.map((value, i) => [4 + (192 * i) / Math.max(count, 1), high > low ? 56 - (52 * (value - low)) / (high - low) : 30]);
    line.setAttribute("points", points.filter(([, y]) => Number.isFinite(y)).map((point) => point.map((x) => x.toFixed(1)).join(",")).join(" "));
    svg.setAttribute("aria-label", message("curve", { letter, first: shown(values[0]), last: shown(values[count]) }));
  }

  return { draw };
}

// The address holds the step and what is not as at the start: #step=7&x=2.5&wrt=y&guess=1. An input
// that is called like one of these has a dot before its name.
function addressing({ live, now, step, isGuessing }, { byName, follow }) {
  const own = ["step", "wrt", "guess"];
  const keyOf = (name) => (own.includes(name) ? `.${name}` : name);

  const write = addressed(() => {
    const found = new URLSearchParams({ step: step() + 1 });
    for (const [name, slot] of byName) {
      if (!Object.is(now.numbers[slot], live.start[slot])) found.set(keyOf(name), now.numbers[slot]);
    }
    if (now.seed && now.seed !== Object.keys(live.seeds)[0]) found.set("wrt", now.seed);
    if (isGuessing()) found.set("guess", 1);
    return found;
  });

  function read() {
    const parameters = new URLSearchParams(scope === document ? location.hash.slice(1) : "");
    for (const [name, slot] of byName) {
      const x = parameters.has(keyOf(name)) ? Number(parameters.get(keyOf(name))) : NaN;
      now.numbers[slot] = Number.isFinite(x) ? x : live.start[slot];
    }
    if (parameters.has("wrt")) follow(parameters.get("wrt"));
    byId("guessing").setAttribute("aria-pressed", String(parameters.get("guess") === "1"));
    step(Math.max(0, Number(parameters.get("step")) - 1 || 0));
  }

  return { read, write };
}
