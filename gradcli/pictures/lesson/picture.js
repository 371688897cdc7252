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
      cells: [...element.querySelectorAll(".cell")],
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
  // A size at which a large picture can be read, and below which the whole of one cannot: a narrow
  // window is one that is held near to the eyes.
  const readable = 1.2, smallest = () => (seen().svg.classList.contains("tall") ? 0.55 : 0.75);
  let chosen = null;

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

  // The size at which nothing is cut. In a narrow window the page may be as high as it needs to be.
  function whole() {
    const { svg } = seen();
    const { width, height } = svg.viewBox.baseVal;
    const room = parseFloat(getComputedStyle(stage).maxHeight) || stage.clientHeight;
    const down = svg.classList.contains("tall") ? Infinity : (room - 20) / height;
    return Math.min(2.4, (stage.clientWidth - 20) / width, down);
  }

  const automatic = () => (whole() < smallest() ? readable : whole());

  // The cells of an array: white for the least number, black for the greatest.
  function shade(cells, numbers) {
    const least = Math.min(...numbers), range = Math.max(...numbers) - least || 1;
    cells.forEach((cell, index) => {
      const level = Math.round(255 * (1 - (numbers[index] - least) / range));
      if (level >= 0) cell.setAttribute("fill", `#${level.toString(16).padStart(2, "0").repeat(3)}`);
    });
  }

  function fit() {
    const { svg } = seen();
    const { width, height } = svg.viewBox.baseVal;
    const scale = chosen ?? automatic();
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    leaveOut();
  }

  // Of a large picture only what is near the window is painted, which is most of the work of a frame.
  const large = 100, edges = new Map();
  function leaveOut() {
    const { svg, boxes, arrows } = seen();
    if (boxes.length < large) return;
    const whole = svg.getBoundingClientRect(), pane = stage.getBoundingClientRect();
    const scale = whole.width / svg.viewBox.baseVal.width;
    for (const { element } of [...boxes, ...arrows]) {
      if (!edges.has(element)) {
        const { left, right, top, bottom } = element.getBoundingClientRect();
        const [across, down] = [(x) => (x - whole.left) / scale, (y) => (y - whole.top) / scale];
        edges.set(element, { left: across(left), right: across(right), top: down(top), bottom: down(bottom) });
      }
    }
    const spare = 200;
    const [left, right] = [pane.left - spare, pane.right + spare].map((x) => (x - whole.left) / scale);
    const [top, bottom] = [pane.top - spare, pane.bottom + spare].map((y) => (y - whole.top) / scale);
    for (const [element, at] of edges) {
      element.classList.toggle("far", at.right < left || at.left > right || at.bottom < top || at.top > bottom);
    }
  }
  stage.addEventListener("scroll", leaveOut, { passive: true });

  // Makes the picture larger by a factor, around the middle of the pane; 0 fits it into the pane.
  function enlarge(factor) {
    const at = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
    const before = chosen ?? automatic();
    chosen = factor ? Math.max(Math.min(whole(), readable), Math.min(12, before * factor)) : whole();
    fit();
    const grown = chosen / before;
    stage.scrollTo(at[0] * grown - stage.clientWidth / 2, at[1] * grown - stage.clientHeight / 2);
    if (!factor && whole() >= smallest()) chosen = null;
  }

  // Whether the picture is so broad that it is best seen over the whole window.
  function isBroad() {
    const { width, height } = seen().svg.viewBox.baseVal;
    return width > 2 * height;
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

  return { seen, shade, fit, enlarge, isBroad };
}
