"use strict";
// The pictures in the page: the same graph from left to right and from top to bottom, of which one
// is seen. They are fitted, made larger and moved; parts of them are marked and their texts change.
function pictures(stage, { goTo }) {
  const views = [...stage.querySelectorAll("svg")].map((svg) => {
    const group = (kind) => [...svg.querySelectorAll(`.${kind}[data-key]`)];
    const boxes = group("node").map((element) => ({
      key: element.dataset.key,
      element,
      value: element.querySelector(".value.number"),
      slope: element.querySelector(".slope.number"),
      slopeName: element.querySelector(".slope:not(.number)"),
    }));
    const arrows = group("edge").map((element) => ({
      key: element.dataset.key,
      element,
      lines: [...element.querySelectorAll(".line")],
      local: element.querySelector(".local"),
    }));
    for (const box of boxes) box.ownName = box.slopeName?.textContent;
    for (const arrow of arrows) widen(arrow);
    for (const part of [...boxes, ...arrows]) part.element.addEventListener("click", () => goTo(part.key));
    return { svg, boxes, arrows };
  });
  let zoom = 1;
  const texts = new Map();

  // An arrow is thin; what can be clicked is a broad line that is not seen.
  function widen({ element, lines }) {
    for (const line of lines) {
      const broad = line.cloneNode();
      broad.setAttribute("class", "broad");
      broad.removeAttribute("stroke");
      broad.removeAttribute("stroke-width");
      element.prepend(broad);
    }
  }

  const seen = () => views.find(({ svg }) => getComputedStyle(svg).display !== "none") ?? views[0];

  // Writes a text where it has changed.
  function write(element, text) {
    if (!element || texts.get(element) === text) return;
    texts.set(element, text);
    element.textContent = text;
  }

  // A small picture fills the pane, a large one is as small as it must be for nothing to be cut.
  function fit() {
    const { svg } = seen();
    const { width, height } = svg.viewBox.baseVal;
    const isTall = svg.classList.contains("tall");
    const room = parseFloat(getComputedStyle(stage).maxHeight) || stage.clientHeight;
    const across = (stage.clientWidth - 20) / width;
    const scale = zoom * Math.min(2.4, across, isTall ? Infinity : (room - 20) / height);
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
  }

  function enlarge(factor) {
    const at = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
    const before = zoom;
    zoom = factor ? Math.max(1, Math.min(12, zoom * factor)) : 1;
    fit();
    const grown = zoom / before;
    stage.scrollTo(at[0] * grown - stage.clientWidth / 2, at[1] * grown - stage.clientHeight / 2);
  }

  // Moving with the mouse: only what is farther than a click.
  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && !event.button) held = { x: event.clientX, y: event.clientY, moved: false };
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!held.moved && Math.hypot(event.clientX - held.x, event.clientY - held.y) > 4) {
      held.moved = true;
      stage.classList.add("held");
      stage.setPointerCapture(event.pointerId);
    }
    if (held.moved) stage.scrollBy(-event.movementX, -event.movementY);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, () => {
      held = null;
      stage.classList.remove("held");
    });
  }
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      enlarge(event.deltaY < 0 ? 1.15 : 1 / 1.15);
    },
    { passive: false },
  );

  return { seen, write, fit, enlarge };
}
