"""The pages of a lesson: a graph through both passes, and a minimisation that runs again.

A page needs nothing else: no network, no other file. What it may do is closed by a policy that
names its only script and its only style by their hashes. All pages share head, controls, table and
foot (page.html); a view, such as graph.html, holds what stands between these, in parts with a
comment `<!-- name -->` before each. A notebook shows a page in a cell.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING
from uuid import uuid4
from xml.etree import ElementTree as ET

from gradcli.pictures.graph import style
from gradcli.pictures.graph.svg import markup, shapes
from gradcli.pictures.graph.words import about_step, fit
from gradcli.pictures.lesson.notation import as_mathml
from gradcli.pictures.wording import say, table
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gradcli.pictures.graph.sketch import Sketch
    from gradcli.pictures.lesson.story import Lesson


SHARED = ("library.js", "bessel.js", "special.js", "interpreter.js", "text.js", "steps.js")
"""The parts of the scripts of all pages, in order: programs, texts, steps."""
SCRIPTS = {
    "graph": (*SHARED, "picture.js", "controls.js", "page.js"),
    "descent": (*SHARED, "plots.js", "descent.js"),
}
"""The parts of the script of each view, in order."""
PART = re.compile(r"^<!-- (\w+) -->\n", re.MULTILINE)
LONG = 80
"""Characters from which on a formula is a heading in small letters."""


def _filled(
    view: str,
    formula: str,
    equations: Sequence[str],
    content: Mapping[str, object],
    **parts: str,
) -> bytes:
    """Return the page of a view.

    `formula` is the heading, whose lines `equations` are in LaTeX, `content` is what the script
    reads beside its words, and `parts` are elements by the names that the view has for them.
    """
    sheet = colours() + asset("page.css") + asset(f"{view}.css")
    script = script_of(view)
    words = {key.replace(" ", "_"): escape(text) for key, text in table().items()} | parts
    _, *found = PART.split(asset(f"{view}.html"))
    own = {
        name: Template(text.rstrip("\n")).substitute(words)
        for name, text in zip(found[::2], found[1::2], strict=True)
    }
    text = Template(asset("page.html")).substitute(
        words | own,
        policy=_policy(sheet, script),
        title=escape(fit(formula)),
        heading=_heading(formula, equations),
        size="long" if len(formula) > LONG else "short",
        style=sheet,
        content=_embedded({"words": _words_of(script), **content}),
        script=script,
    )
    return text.encode()


def typeset(text: str, latex: str) -> str:
    """Return a formula as MathML, and as text for where it is to be broken into lines."""
    said = escape(text)
    return f'{as_mathml(latex, text)}<span class="said">{said}</span>' if latex else said


def _heading(formula: str, equations: Sequence[str]) -> str:
    """Return the formula line by line as MathML, and as text for where that is too wide."""
    said = escape(fit(formula))
    lines = formula.split("; ")
    if len(lines) != len(equations) or len(formula) > LONG:
        return said
    set_lines = "; ".join(map(as_mathml, equations, lines))
    return f'<span class="set">{set_lines}</span><span class="said">{said}</span>'


def asset(name: str) -> str:
    """Return the text of a file that stands beside this module."""
    return (files("gradcli.pictures.lesson") / name).read_text(encoding="utf-8")


def script_of(view: str) -> str:
    """Return the script of a page, a function of what its elements are found in."""
    scripts = "".join([asset(name) for name in SCRIPTS[view]])
    return f"((scope) => {{\n{scripts}}})(document);"


def _words_of(script: str) -> dict[str, str]:
    """Return the words that a script may use: those whose keys, or first words, stand in it."""
    named = {*re.findall(r"""["'.](\w[\w ]*)\b""", script)}
    prefixes = (*re.findall(r"words\[`(\w[\w ]*)\$\{", script), "\0")
    return {k: text for k, text in table().items() if k in named or k.startswith(prefixes)}


def _policy(sheet: str, script: str) -> str:
    """Return the policy: this style and this script, and nothing from anywhere."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (sheet, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def colours() -> str:
    """Return the style that gives each colour a name, and names in place of those in the SVG."""
    light, dark = [
        "".join(f"--{name}:{colour[index]};" for name, colour in style.COLOURS.items())
        for index in (0, 1)
    ]
    names = {colour: f"var(--{name})" for name, colour in style.COLOURS.items()}
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f':root[data-theme="light"]{{color-scheme:light;{light}}}\n'
        f'@media screen{{:root[data-theme="dark"]{{color-scheme:dark;{dark}}}}}\n'
        f"{style.exchanged(names)}\n"
    )


def _embedded(content: Mapping[str, object]) -> str:
    """Return JSON that no text in it can end: < is written as an escape."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


GREY = re.compile(r"#(..)\1\1|white|black")
"""The colours of the cells of an array, and of nothing else."""
NUMBERS = re.compile(r"-?[\d.]+")


def page(
    lesson: Lesson,
    views: Mapping[str, bytes],
    formula: str,
    equations: Sequence[str],
    content: Mapping[str, object],
) -> bytes:
    """Return the page of a graph.

    `views` are the pictures as Graphviz has drawn them, by their class: "wide" and "tall", of which
    one is seen, or one alone. `formula` is the heading, whose lines `equations` are in LaTeX, and
    `content` what the script reads. Raises DrawingError when a picture is none.
    """
    return _filled(
        "graph",
        formula,
        equations,
        content,
        picture="\n".join([_picture(lesson.sketch, svg, view) for view, svg in views.items()]),
        head=_head(lesson),
        rows="\n".join(_rows(lesson)),
    )


def descent(
    formula: str, equations: Sequence[str], content: Mapping[str, object], notes: str
) -> bytes:
    """Return the page of a run; `content` is what plotting.replay returns."""
    notes = escape(fit(notes))
    return _filled("descent", formula, equations, content, notes=notes, head="", rows="")


def _picture(sketch: Sketch, svg: bytes, view: str) -> str:
    """Return the SVG with keys on boxes and arrows, and classes on what appears only in time."""
    boxes = {box.key: box for box in sketch.boxes}
    keys = boxes.keys() | {arrow.key for arrow in sketch.arrows}
    root = shapes(svg)
    for group in root.iter("g"):
        key = group.attrib.pop("id", "")
        if key in keys:
            group.set("data-key", key)
        own = group.find("title")
        if own is None:
            continue
        box = boxes.get(key)
        if box is None:
            group.remove(own)
        else:
            bare = box.step._replace(value=None, gradient=None)
            own.text = about_step(sketch.graph, bare, box.role)
        if "edge" in group.get("class", "").split():
            _mark_edge(group)
        elif box is not None and box.role != "constant":
            _mark_node(group)
    root.attrib = {
        "class": f"gradcli {view}",
        "role": "img",
        "aria-label": say("graph"),
        **root.attrib,
    }
    return markup(root)


def _mark_node(group: ET.Element) -> None:
    """Give classes to the value and the gradient in a box, which are known by their looks.

    Only the value is in ink and of its size, with its word before it, and only the gradient has
    its colour, its word too. The numbers may get other widths.
    """
    for polygon in group.iter("polygon"):
        if GREY.fullmatch(polygon.get("fill", "")):
            polygon.set("class", "cell value")
    before: ET.Element | None = None
    for text in group.iter("text"):
        if text.get("fill") == style.GRADIENT.light:
            is_number = before is not None and before.get("class") == "slope"
            _mark(text, "slope number" if is_number else "slope")
        elif text.get("fill") == style.INK.light and text.get("font-weight") != "bold":
            _mark(text, "value number")
            if before is not None:
                _mark(before, "value")
        elif (text.text or "").endswith(say("not taken")):
            _mark(text, "untaken")
        before = text


def _mark(text: ET.Element, name: str) -> None:
    """Give a class to a text, which then is as wide as its letters."""
    text.set("class", name)
    text.attrib.pop("textLength", None)


def _mark_edge(group: ET.Element) -> None:
    """Give classes to the lines of an arrow and to the label that it runs through.

    The two lines get a bridge between them, which runs below the label.
    """
    for text in group.iter("text"):
        _mark(text, "local")
    lines = list(group.iter("path"))
    for line in lines:
        line.set("class", "line")
    if len(lines) == 2:
        ends = [NUMBERS.findall(line.get("d", "")) for line in lines]
        path = f"M{','.join(ends[0][-2:])}L{','.join(ends[1][:2])}"
        bridge = ET.Element("path", {**lines[0].attrib, "class": "line bridge", "d": path})
        group.insert(0, bridge)


def _head(lesson: Lesson) -> str:
    """Return the row of headings; a run without values or gradients has no column for them."""
    names = ["node"]
    names += ["value"] if lesson.has_values else []
    names += ["digits"] if lesson.has_digits else []
    names += ["gradient"] if lesson.has_gradients else []
    names += ["tangent"] if lesson.has_gradients and lesson.has_values else []
    cells = [
        f'<th scope="col" class="{name}">{escape(say(f"heading {name}"))}</th>' for name in names
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _rows(lesson: Lesson) -> Iterator[str]:
    """Yield the rows of the table as they are at the end."""
    for row in lesson.rows:
        name, formula = map(typeset, (row.name, row.formula), row.latex)
        named = " = ".join(filter(None, [name and f"<b>{name}</b>", formula]))
        cells = f'<th scope="row">{named}</th>'
        if lesson.has_values:
            cells += f'<td data-kind="values">{escape(row.value)}</td>'
        if lesson.has_digits:
            cells += f'<td class="digits">{row.digits}</td>'
        if lesson.has_gradients:
            cells += f'<td data-kind="gradients" class="gradient">{escape(row.gradient)}</td>'
        if lesson.has_gradients and lesson.has_values:
            cells += '<td data-kind="tangents" class="tangent"></td>'
        yield f'<tr data-node="{row.key}">{cells}</tr>'


# ---------------------------------------------------------------- a cell of a notebook

# The page stands in a shadow root of its own: neither its ids nor its style reach other cells or
# the notebook, and those of the notebook do not reach it, so that several lessons stand beside each
# other. The script is that of the page. It uses no `eval` and no network; but a cell has no policy
# of its own.

HEIGHT = "46rem"
"""Height of a lesson in a notebook cell."""

PAGE = re.compile(
    r'lang="(.*?)".*?<style>(.*?)</style>.*<body>(.*)<script>(.*?)</script>\s*</body>', re.DOTALL
)
CELL = """<div id="{key}">{picture}</div>
<script>
(() => {{
  const host = document.getElementById("{key}");
  if (!host || host.shadowRoot) return;
  const scope = host.attachShadow({{ mode: "open" }});
  scope.innerHTML = {content};
  {script}
}})();
</script>"""


class LessonPage(NamedTuple):
    """A lesson, which a notebook shows in a cell."""

    page: bytes
    """The same as a page of HTML, for a file."""

    def __repr__(self) -> str:
        """Return how large it is."""
        return f"<lesson, {len(self.page)} bytes of HTML>"

    def _repr_html_(self) -> str:
        """Return the lesson for a cell; where no script may run, the picture alone is seen."""
        found = PAGE.search(self.page.decode())
        assert found is not None  # noqa: S101 - the page is ours
        language, sheet, body, script = found.groups()
        content = (
            f"<style>:host{{display:block;height:{HEIGHT};container-type:size}}{_scoped(sheet)}"
            f'</style><div class="root" lang="{language}"><div class="body">{body}</div></div>'
        )
        picture = re.search(r"<svg.*?</svg>", body, re.DOTALL)
        return CELL.format(
            key=f"gradcli-{uuid4().hex}",
            picture="" if picture is None else picture[0],
            content=json.dumps(content, ensure_ascii=False).replace("</", "<\\/"),
            script=script.replace("})(document);", "})(scope);"),
        )


def _scoped(sheet: str) -> str:
    """Return the style for the elements that stand for root and body, in the cell as a window."""
    sheet = sheet.replace(":root", ".root").replace("@media (m", "@container (m")
    sheet = re.sub(r"(?<![\w-])body(?=[ ,{])", ".body", sheet)
    return re.sub(r"(?<=\d)d?v(h|w)\b", r"cq\1", sheet)
