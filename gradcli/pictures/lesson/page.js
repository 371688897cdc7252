"use strict";
(() => {
  const { frames, letter, live, limits, marks } = content;
  const stage = byId("stage"), nodes = byId("nodes");
  const rows = [...nodes.querySelectorAll("tr[data-node]")].map((element) => ({
    key: element.dataset.node,
    element,
    cells: [...element.cells].filter((cell) => cell.dataset.kind),
  }));
  let at = 0, path = null;

  // ---------------------------------------------------------------- numbers

  const machine = live && interpreter(live.program);
  const now = { numbers: machine?.numbers ?? [], read: new Set(), seed: "", isStart: true };
  const filled = filling(marks, now, words), { fill, lastNumber } = filled;
  const exactly = (template) => fill(template, (x) => String(x));
  const backwards = [...(live?.arrows ?? [])].reverse();
  let steps = frames;

  // Computes all numbers, and which frames there are with them.
  function compute() {
    if (!live) return;
    machine.run();
    now.isStart = live.start.every((x, slot) => Object.is(x, now.numbers[slot]));
    now.read = new Set([live.box]);
    for (const [key, tail, head, position] of backwards) {
      const condition = live.chooses[head];
      const isTaken = condition === undefined || position === 0 || position === (now.numbers[condition] ? 1 : 2);
      if (now.read.has(head) && isTaken) now.read.add(key).add(tail);
    }
    const frame = steps[at];
    steps = frames.filter(({ needs }) => !needs || now.read.has(needs));
    at = steps.includes(frame) ? steps.indexOf(frame) : Math.min(at, steps.length - 1);
  }

  // What is known after a step: everything that it and those before it have shown.
  function known(last) {
    const found = { values: {}, gradients: {}, tangents: {}, known: new Set(), complete: new Set(), followed: new Set() };
    steps.forEach((frame, index) => {
      if (index > last) {
        // A gradient is complete when no later step adds to it.
        if (frame.part === "backward") found.complete.delete(frame.boxes[0]);
        return;
      }
      for (const kind of ["values", "gradients", "tangents"]) Object.assign(found[kind], frame[kind]);
      if (frame.part === "backward") {
        frame.arrows.forEach((key) => found.followed.add(key));
        Object.keys(frame.gradients).forEach((key) => found.complete.add(key));
      } else if (frame.part !== "tangent") frame.boxes.forEach((key) => found.known.add(key));
    });
    return found;
  }

  // ---------------------------------------------------------------- what is seen

  const picture = pictures(stage, { goTo });

  function draw() {
    const frame = steps[at], question = guess.question(), isRate = frame.part === "tangent";
    const state = known(question ? at - 1 : at);
    const arrows = frame.arrows.filter((key) => !live || now.read.has(key));
    root.dataset.part = frame.part;
    // How many digits are certain is known for the values at the start only.
    root.classList.toggle("moved", !now.isStart);
    const position = { part: words[frame.part], step: at + 1, count: steps.length };
    write(byId("part"), message("step of", position));
    typeset(byId("what"), frame.title, filled);
    const meets = path ? whereItMeets(frame) : "";
    const texts = { equation: frame.equation, outcome: question ? "" : frame.outcome, words: question ? "" : frame.words, meets };
    for (const [id, text] of Object.entries(texts)) {
      typeset(byId(id), question && id === "equation" ? `${question.before}?` : text, filled);
      byId(id).hidden = !byId(id).textContent;
    }
    drawPicture(frame, state, arrows, isRate);
    for (const row of rows) {
      markRow(row.element, frame.boxes[0] === row.key);
      for (const cell of row.cells) {
        const kind = cell.dataset.kind, text = state[kind][row.key] ?? "";
        write(cell, fill(text));
        // All digits are there for those who point at the number.
        if (live) retitle(cell, exactly(text));
        cell.classList.toggle("partial", kind === "gradients" && !state.complete.has(row.key));
      }
    }
    stepper.stand(message("position", position));
    byId("seed").hidden = !isRate;
    byId("descent").hidden = !(live?.moves.length && frame.part === "end" && live.result !== null);
    guess.draw(question);
    fields.draw();
    descent.draw();
  }

  function drawPicture(frame, state, arrows, isRate) {
    const { boxes, arrows: lines } = picture.seen();
    const flow = live ? strengths() : null;
    for (const box of boxes) {
      const { classList } = box.element;
      classList.toggle("now", frame.boxes.includes(box.key));
      classList.toggle("known", state.known.has(box.key));
      classList.toggle("complete", isRate ? box.key in state.tangents : state.complete.has(box.key));
      if (!live?.boxes[box.key]) continue;
      const [value, gradient, tangent] = live.boxes[box.key];
      classList.toggle("idle", !now.read.has(box.key));
      write(box.value, fill(value));
      const map = live.maps[box.key];
      if (map?.length === box.cells.length) picture.shade(box.cells, map.map((slot) => now.numbers[slot]));
      write(box.slope, fill(isRate ? tangent : gradient));
      write(box.slopeName, isRate ? words.rate : box.ownName);
    }
    lines.forEach((arrow) => {
      const { classList } = arrow.element;
      classList.toggle("now", arrows.includes(arrow.key));
      classList.toggle("path", Boolean(path?.has(arrow.key)));
      classList.toggle("followed", state.followed.has(arrow.key) || (isRate && frame.arrows.includes(arrow.key)));
      if (!live) return;
      classList.toggle("unread", !now.read.has(arrow.key));
      const local = live.locals[arrow.key];
      if (local) write(arrow.local, fill(local));
      const share = flow.get(arrow.key);
      classList.toggle("flows", Boolean(share));
      const width = share ? (1 + 2.6 * share).toFixed(1) : "0.8";
      if (arrow.width === width) return;
      arrow.width = width;
      for (const line of arrow.lines) line.setAttribute("stroke-width", width);
    });
  }

  const titles = new Map();
  function retitle(cell, title) {
    if (titles.get(cell) === title) return;
    titles.set(cell, title);
    cell.title = title;
  }

  // How much gradient flows along each arrow, beside the most.
  function strengths() {
    const found = new Map();
    let most = 0;
    for (const [key, , , , slots, factor] of live.arrows) {
      const length = factor * Math.hypot(...slots.map((slot) => now.numbers[slot]));
      found.set(key, Number.isFinite(length) ? length : 0);
      most = Math.max(most, found.get(key));
    }
    for (const [key, length] of found) found.set(key, most && length / most);
    return found;
  }

  // In a narrow window the page itself is scrolled, so that the step does not cover what it is about.
  function revealAbove(sheet, elements) {
    if (getComputedStyle(sheet).position !== "sticky" || !elements.length) return;
    const edge = sheet.getBoundingClientRect().top, { top, bottom } = elements[0].getBoundingClientRect();
    if (top < 0 || bottom > edge) scrollBy({ top: (top + bottom - edge) / 2, behavior: still.matches ? "instant" : "smooth" });
  }

  // ---------------------------------------------------------------- steps

  function show(index, { along = null } = {}) {
    at = Math.max(0, Math.min(steps.length - 1, index));
    path = along;
    guess.begin();
    draw();
    if (at === steps.length - 1) stepper.pause();
    const boxes = new Map(picture.seen().boxes.map(({ key, element }) => [key, element]));
    const about = steps[at].boxes.map((key) => boxes.get(key)).filter(Boolean);
    reveal(stage, about);
    if (at > 0) revealAbove(byId("sheet"), about);
    reveal(nodes, rows.filter(({ key }) => steps[at].boxes[0] === key).map(({ element }) => element));
    address.write();
  }

  // Goes to the step of a node or an arrow, in the pass that is shown where it has one.
  function goTo(key) {
    stepper.pause();
    if (key.startsWith("e")) {
      const index = steps.findIndex((frame) => frame.part === "backward" && frame.arrows.includes(key));
      const other = steps.findIndex((frame) => frame.arrows.includes(key));
      return show(index < 0 ? other : index, { along: index < 0 ? null : pathsFrom(key) });
    }
    const passes = { backward: ["backward", "forward", "start"], tangent: ["tangent", "forward", "start"] };
    for (const part of passes[steps[at].part] ?? ["forward", "start"]) {
      const index = steps.findIndex((frame) => frame.part === part && (frame.boxes[0] === key || (part === "start" && frame.boxes.includes(key))));
      if (index >= 0) return show(index);
    }
  }

  // The arrows on all ways from the tail of an arrow to the result: along these its gradient comes.
  function pathsFrom(key) {
    if (!live) return null;
    const found = new Set(), reached = new Set([live.arrows.find(([arrow]) => arrow === key)[1]]);
    for (const [arrow, tail, head] of live.arrows) {
      if (reached.has(tail) && now.read.has(arrow)) {
        found.add(arrow);
        reached.add(head);
      }
    }
    return found;
  }

  // What comes along the ways that meet in the node of a step.
  function whereItMeets(frame) {
    const tail = frame.boxes[0];
    const parts = steps.filter((other) => other.part === "backward" && other.arrows.length && other.boxes[0] === tail);
    const numbers = parts.map((other) => lastNumber(other.equation));
    if (parts.length < 2 || numbers.some((number) => !number)) return "";
    const total = steps.filter((other) => other.gradients[tail] !== undefined).at(-1).gradients[tail];
    const terms = numbers.map(({ slot }) => shown(now.numbers[slot], words));
    return message("meets", { tail: live.names[tail], count: parts.length, sum: `${terms.join(" + ").replace(/\+ −/g, "− ")} = ${fill(total)}` });
  }

  const stepper = stepping({
    seconds: 3,
    first: 1,
    at: () => at,
    last: () => steps.length - 1,
    show,
    keys: { "+": () => picture.enlarge(1.25), "-": () => picture.enlarge(0.8), 0: () => picture.enlarge(0) },
  });
  for (const { element, key } of rows) element.addEventListener("click", () => goTo(key));

  for (const [id, factor] of [["smaller", 0.8], ["fit", 0], ["larger", 1.25]]) {
    byId(id).addEventListener("click", () => picture.enlarge(factor));
  }

  // ---------------------------------------------------------------- parts with a life of their own

  const recomputed = soon(() => {
    compute();
    draw();
    address.write();
  });
  const page = {
    ...{ lastNumber, live, now, letter, draw },
    shown: (x) => shown(x, words),
    isGuessing: () => byId("guessing").getAttribute("aria-pressed") === "true",
    frame: () => steps[at],
    step: (index = at) => (at = index),
    restart: () => show(at),
    // Computes everything anew for changed inputs.
    changed() {
      quiet();
      recomputed();
    },
  };
  const fields = inputFields(page);
  const guess = guessing(page);
  const descent = descending(page);
  const address = addressing(page, fields);

  begin();
  root.classList.toggle("live", Boolean(live));
  root.classList.toggle("returns", frames.some((frame) => frame.part === "backward"));
  colouring();
  write(byId("limits"), limits);
  byId("limits").hidden = !limits;
  byId("inputs").hidden = !live?.inputs.length && !limits;
  byId("reset").hidden = !live?.inputs.length;
  if (live) now.numbers.set(live.start);
  fields.reset();
  compute();
  address.read();
  compute();
  root.classList.toggle("panorama", picture.isBroad());
  picture.fit();
  show(at);
  addEventListener("resize", () => { sets.clear(); fitHeading(); picture.fit(); show(at); });
  addEventListener("hashchange", () => { address.read(); compute(); show(at); });
})();
