"use strict";
// Numbers as text, and the texts of a lesson, in which marks stand for numbers.

// Four digits, as Python's "%.4g" rounds them: a tie goes to the even digit.
function fourDigits(x) {
  const [digits, exponent] = Math.abs(x).toExponential(3).split("e");
  const isTie = (places) => /^.{5}50*e/.test(Math.abs(x).toExponential(places));
  if (isTie(16) && isTie(60)) {
    const cut = Math.abs(x).toExponential(16).slice(0, 5);
    if ("02468".includes(cut[4])) return [cut, Number(exponent)];
  }
  return [digits, Number(exponent)];
}

function shown(x, words) {
  if (Number.isNaN(x)) return words["no value"];
  const sign = x < 0 ? "−" : "";
  if (!Number.isFinite(x)) return `${sign}inf`;
  if (x === 0) return "0";
  const [digits, exponent] = fourDigits(x);
  const bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent < -4 || exponent > 3) return `${sign}${bare(digits)}e${String(exponent).replace("-", "−")}`;
  return sign + bare(Number(`${digits}e${exponent}`).toFixed(3 - exponent));
}

// Replaces {name} by what is named in a sentence of the table of words.
function say(words, key, parts) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => parts[name]);
}

// Returns the function that replaces marks by texts. `now` has the numbers, the set `read` of
// what the result reads, the `seed` of forward mode and whether all inputs are as at the start;
// `four` writes a number.
function filling(marks, now, words, four = (x) => shown(x, words)) {
  const isMark = /[\u{F0000}-\u{FFFFD}]/gu;
  const make = {
    number: (text, slot) => text(now.numbers[slot]),
    factor: (text, slot) => (now.numbers[slot] < 0 ? `(${text(now.numbers[slot])})` : text(now.numbers[slot])),
    times: (text, slot) => {
      const much = text(now.numbers[slot]);
      return much === "1" ? words.just : say(words, "times", { number: much });
    },
    least: (text, slots) => text(Math.min(...slots.map((slot) => now.numbers[slot]))),
    greatest: (text, slots) => text(Math.max(...slots.map((slot) => now.numbers[slot]))),
    either: (text, slot, yes, no) => fill(now.numbers[slot] ? yes : no, text),
    known: (text, slot, yes, no) => fill(Number.isNaN(now.numbers[slot]) ? no : yes, text),
    read: (text, key, yes, no) => fill(now.read.has(key) ? yes : no, text),
    start: (text, yes, no) => fill(now.isStart ? yes : no, text),
    seed: () => now.seed,
    math: (text, plain, markup) => (isHtml ? put(markup, text) : fill(plain, text)),
  };
  let isHtml = false;

  function put(template, text) {
    return template.replace(isMark, (mark) => {
      const [kind, ...parts] = marks[mark.codePointAt(0) - 0xf0000];
      return make[kind](text, ...parts);
    });
  }

  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  function fill(template, text = four) {
    return put(isHtml ? template.replace(/[&<>]/g, (sign) => entities[sign]) : template, text);
  }

  // The text as HTML, with its formulas as MathML.
  function set(template) {
    isHtml = true;
    const html = fill(template);
    isHtml = false;
    return html;
  }

  // The slot of the number that a text ends with, and the text before it; null without one.
  function lastNumber(template) {
    const end = [...template].at(-1);
    const mark = end && end.match(isMark) && marks[end.codePointAt(0) - 0xf0000];
    return mark && mark[0] === "number" ? { slot: mark[1], before: template.slice(0, -end.length) } : null;
  }

  return { fill, set, lastNumber };
}
