"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;
  const frames = JSON.parse(byId("frames").textContent);
  const stage = byId("stage"), nodes = byId("nodes"), slider = byId("slider"), play = byId("play");
  const svg = stage.querySelector("svg");
  const boxes = [...svg.querySelectorAll(".node[id]")], arrows = [...svg.querySelectorAll(".edge[id]")];
  const rows = [...nodes.querySelectorAll("tr[data-node]")];
  const parts = { start: "Start", forward: "Forward pass", backward: "Backward pass", end: "End" };
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const seconds = 3;
  let at = 0, timer = 0;

  // What is known after a frame: everything that it and those before it have told.
  function known(last) {
    const found = { values: {}, gradients: {}, known: new Set(), complete: new Set(), followed: new Set() };
    for (const frame of frames.slice(0, last + 1)) {
      Object.assign(found.values, frame.values);
      Object.assign(found.gradients, frame.gradients);
      frame.complete.forEach((key) => found.complete.add(key));
      if (frame.part === "backward") frame.arrows.forEach((key) => found.followed.add(key));
      else frame.boxes.forEach((key) => found.known.add(key));
    }
    return found;
  }

  function show(place) {
    at = Math.max(0, Math.min(frames.length - 1, place));
    const frame = frames[at], state = known(at);
    root.dataset.part = frame.part;
    byId("part").textContent = `${parts[frame.part]}, step ${at + 1} of ${frames.length}`;
    byId("what").textContent = frame.title;
    for (const id of ["equation", "outcome", "words"]) {
      byId(id).textContent = frame[id];
      byId(id).hidden = !frame[id];
    }
    for (const box of boxes) {
      box.classList.toggle("now", frame.boxes.includes(box.id));
      box.classList.toggle("known", state.known.has(box.id));
      box.classList.toggle("complete", state.complete.has(box.id));
    }
    for (const arrow of arrows) {
      arrow.classList.toggle("now", frame.arrows.includes(arrow.id));
      arrow.classList.toggle("followed", state.followed.has(arrow.id));
    }
    for (const row of rows) {
      const key = row.dataset.node;
      row.classList.toggle("now", frame.boxes[0] === key);
      for (const cell of row.cells) {
        if (cell.dataset.kind) cell.textContent = state[cell.dataset.kind][key] ?? "";
        cell.classList.toggle("partial", cell.dataset.kind === "gradients" && !state.complete.has(key));
      }
    }
    slider.value = at + 1;
    slider.setAttribute("aria-valuetext", `${at + 1} of ${frames.length}, ${parts[frame.part]}`);
    disable("first", at === 0);
    disable("back", at === 0);
    disable("next", at === frames.length - 1);
    disable("last", at === frames.length - 1);
    if (at === frames.length - 1) pause();
    reveal(stage, frame.boxes.map(byId));
    reveal(nodes, rows.filter((row) => frame.boxes[0] === row.dataset.node));
  }

  // A disabled button would lose the focus; this one keeps it and only says that it does nothing.
  function disable(id, state) {
    byId(id).setAttribute("aria-disabled", state);
  }

  // Scrolls a pane, and never the page, so that all of the elements are in its middle.
  function reveal(pane, elements) {
    if (!elements.length) return;
    const seen = pane.getBoundingClientRect();
    const edges = elements.map((element) => element.getBoundingClientRect());
    const offset = (low, high) => {
      let first = Math.min(...edges.map((e) => e[low])), last = Math.max(...edges.map((e) => e[high]));
      // Where not all fits, the one that changes now is what counts.
      if (last - first > seen[high] - seen[low]) [first, last] = [edges[0][low], edges[0][high]];
      const inside = first >= seen[low] && last <= seen[high];
      return inside ? 0 : (first + last - seen[low] - seen[high]) / 2;
    };
    const behavior = still.matches ? "instant" : "smooth";
    pane.scrollBy({ left: offset("left", "right"), top: offset("top", "bottom"), behavior });
  }

  // A small picture fills the pane, a large one stays readable and is scrolled.
  function fit() {
    const { width, height } = svg.viewBox.baseVal;
    // The pane is as high as the picture makes it, up to a limit, or as what is left of the window.
    const high = parseFloat(getComputedStyle(stage).maxHeight) || stage.clientHeight;
    const scale = Math.min(2.4, (stage.clientWidth - 20) / width, (high - 20) / height);
    svg.setAttribute("width", width * Math.max(1.2, scale));
    svg.setAttribute("height", height * Math.max(1.2, scale));
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function toggle() {
    if (timer) return pause();
    show(at === frames.length - 1 ? 0 : at + 1);
    if (at === frames.length - 1) return;
    timer = setInterval(() => show(at + 1), seconds * 1000);
    play.textContent = "Pause";
  }

  const go = {
    first: () => show(0),
    back: () => show(at - 1),
    next: () => show(at + 1),
    last: () => show(frames.length - 1),
  };
  for (const [id, step] of Object.entries(go)) {
    byId(id).addEventListener("click", () => { pause(); step(); });
  }
  play.addEventListener("click", toggle);
  slider.max = frames.length;
  slider.addEventListener("input", () => { pause(); show(slider.value - 1); });

  const keys = { Home: go.first, ArrowLeft: go.back, ArrowRight: go.next, End: go.last };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const on = event.target;
    if (event.key === " ") {
      if (on.tagName === "BUTTON") return;
      event.preventDefault();
      toggle();
    } else if (keys[event.key] && on !== slider) {
      // Who has moved to a pane with the keyboard wants to scroll it with the keyboard.
      const scrolls = on.matches(".pane:focus-visible") && on.scrollWidth > on.clientWidth;
      if (scrolls && event.key.startsWith("Arrow")) return;
      event.preventDefault();
      pause();
      keys[event.key]();
    }
  });

  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button) return;
    stage.classList.add("held");
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.classList.contains("held")) stage.scrollBy(-event.movementX, -event.movementY);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => stage.classList.remove("held"));
  }

  const theme = byId("theme");
  function paint(isDark) {
    root.dataset.theme = isDark ? "dark" : "light";
    theme.textContent = isDark ? "Light" : "Dark";
    theme.setAttribute("aria-label", isDark ? "Light colours" : "Dark colours");
  }
  theme.addEventListener("click", () => paint(root.dataset.theme !== "dark"));
  dark.addEventListener("change", () => paint(dark.matches));

  for (const id of ["theme", "told", "controls", "keys"]) byId(id).hidden = false;
  root.classList.add("stepping");
  root.classList.toggle("returns", frames.some((frame) => frame.part === "backward"));
  paint(dark.matches);
  fit();
  show(0);
  addEventListener("resize", () => { fit(); show(at); });
})();
