"use strict";
// What all pages share: their elements and words, the steps, what is seen of them, the colours.

// `scope` is the document, or in a notebook the shadow root that stands for it, in which an element
// stands for the root.
const byId = (id) => scope.getElementById(id);
const root = scope.querySelector(".root") ?? document.documentElement;
const content = JSON.parse(byId("content").textContent), { words } = content;
const message = (key, parts = {}) => say(words, key, parts);
const still = matchMedia("(prefers-reduced-motion: reduce)");

// Calls act once, when nothing has asked for it for so many seconds.
function later(seconds, act) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, 1000 * seconds);
  };
}

// Calls act once before the next picture, however often it is asked for until then.
function soon(act) {
  let waiting = 0;
  return () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      act();
    });
  };
}

// Writes a text where it has changed.
const texts = new Map();
function write(element, text) {
  if (!element || texts.get(element) === text) return;
  texts.set(element, text);
  element.textContent = text;
}

// Writes a text with its formulas set as mathematics, where it has changed. `fill` and `set` are those
// of `filling`.
const sets = new Map();
function typeset(element, template, { fill, set }) {
  const html = set(template);
  if (sets.get(element) === html) return;
  sets.set(element, html);
  element.innerHTML = html;
  // Not every reader takes mathematics for text, without which a heading is empty.
  if (element.matches("h2, th")) element.setAttribute("aria-label", fill(template));
  if (isCut(element)) element.textContent = fill(template);
}

// Mathematics is not broken into lines: what is too wide stays text.
const isCut = (element) => element.scrollWidth > element.clientWidth + 1;
function fitHeading() {
  const heading = scope.querySelector("h1");
  heading.classList.remove("plain");
  heading.classList.toggle("plain", isCut(heading) && Boolean(heading.querySelector(".said")));
}

// Scrolls a pane so that all of the elements are in its middle, below what sticks to its top.
function reveal(pane, elements) {
  if (!elements.length) return;
  const { left, right, top, bottom } = pane.getBoundingClientRect();
  const seen = { left, right, top: top + (pane.querySelector("thead")?.clientHeight ?? 0), bottom };
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

// While something is dragged nobody needs every number read aloud.
const spoken = byId("explanation").querySelector("[aria-live]");
const rest = later(0.4, () => spoken.setAttribute("aria-busy", "false"));
function quiet() {
  spoken.setAttribute("aria-busy", "true");
  rest();
}

// Writes the address of the state that make() returns, when nothing has changed for a moment:
// browsers refuse too many addresses in a row.
function addressed(make) {
  return later(0.25, () => {
    const wanted = `#${make()}`;
    if (scope !== document || location.hash === wanted) return;
    try {
      history.replaceState(null, "", wanted);
    } catch {
      // A page without an address of its own, as in a notebook, has no history either.
    }
  });
}

// Marks the row of the step.
function markRow(row, isNow) {
  row.classList.toggle("now", isNow);
  if (isNow) row.setAttribute("aria-current", "step");
  else row.removeAttribute("aria-current");
}

// Shows what a page has only where scripts run.
function begin() {
  for (const id of ["tools", "explanation", "controls", "keys"]) byId(id).hidden = false;
  root.classList.add("stepping");
  fitHeading();
}

// at() returns the step that is shown and last() the last one, counted from 0; show(index) goes to one.
// Buttons, keys, slider and play do it then; `keys` are those that do something else.
// The slider counts steps from `first` on.
function stepping({ seconds, first, at, last, show, keys = {} }) {
  const slider = byId("slider"), play = byId("play");
  let timer = 0;
  slider.min = first;

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = words.play;
  }

  function toggle() {
    if (timer) return pause();
    show(at() === last() ? 0 : at() + 1);
    if (at() === last()) return;
    timer = setInterval(() => show(at() + 1), seconds * 1000);
    play.textContent = words.pause;
  }

  const go = { first: () => show(0), back: () => show(at() - 1), next: () => show(at() + 1), last: () => show(last()) };
  for (const [id, step] of Object.entries(go)) {
    byId(id).addEventListener("click", () => { pause(); step(); });
  }
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => { pause(); show(slider.value - first); });

  const moves = { Home: go.first, ArrowLeft: go.back, ArrowRight: go.next, End: go.last };
  scope.addEventListener("keydown", (event) => {
    if (scope !== document) event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target;
    if (on.matches("input:not(#slider), select")) return;
    if (keys[event.key]) return keys[event.key]();
    if (event.shiftKey) return;
    if (event.key === " ") {
      if (on.tagName === "BUTTON") return;
      event.preventDefault();
      toggle();
    } else if (moves[event.key] && on !== slider) {
      // Who has moved to a pane with the keyboard wants to scroll it with the keyboard.
      const scrolls = on.matches(".pane:focus-visible") && on.scrollWidth > on.clientWidth;
      if (scrolls && event.key.startsWith("Arrow")) return;
      event.preventDefault();
      pause();
      moves[event.key]();
    }
  });

  // Sets buttons and slider to the step that is shown; `position` is its text.
  function stand(position) {
    slider.max = last() + first;
    slider.value = at() + first;
    slider.setAttribute("aria-valuetext", position);
    for (const [id, end] of [["first", 0], ["back", 0], ["next", last()], ["last", last()]]) {
      // A disabled button would lose the focus; this one keeps it and only says that it does nothing.
      byId(id).setAttribute("aria-disabled", String(at() === end));
    }
  }

  return { pause, stand };
}

// The button that changes between light and dark; changed() is called when the colours do.
function colouring(changed = () => {}) {
  const theme = byId("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
  function paint(isDark) {
    root.dataset.theme = isDark ? "dark" : "light";
    theme.textContent = isDark ? words.light : words.dark;
    theme.setAttribute("aria-label", isDark ? words["light colours"] : words["dark colours"]);
    changed();
  }
  theme.addEventListener("click", () => paint(root.dataset.theme !== "dark"));
  dark.addEventListener("change", () => paint(dark.matches));
  paint(dark.matches);
}
