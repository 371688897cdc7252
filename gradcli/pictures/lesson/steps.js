"use strict";
// What goes through the steps of a page, and its colours, light and dark.

// `scope` is the document, or in a notebook the shadow root that stands for it.
// at() tells which step is shown and last() which is the last one, from 0; show(place) goes to one.
// Buttons, keys, slider and play do it then; `keys` are those that do something else.
function stepping({ words, seconds, at, last, show, keys = {} }) {
  const byId = (id) => scope.getElementById(id);
  const slider = byId("slider"), play = byId("play"), first = Number(slider.min);
  let timer = 0;

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

  // Lets buttons and slider tell where the page stands; `position` says it in words.
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
function colouring(words, changed = () => {}) {
  const root = scope.querySelector(".root") ?? document.documentElement, theme = scope.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
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
