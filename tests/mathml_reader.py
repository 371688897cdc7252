"""A small reader of MathML: to the LaTeX of the same formula, which `latex_reader` understands.

It knows what MathML means, and nothing of what has written it.
"""

from __future__ import annotations

import re
from unicodedata import name
from xml.etree import ElementTree as ET

from tests.latex_reader import FUNCTIONS, Unread

SIGNS = {
    "·": r"\cdot",
    "⊙": r"\odot",
    "⊗": r"\otimes",
    "×": r"\times",
    "−": "-",
    "mod": r"\bmod",
    "∧": r"\land",
    "∨": r"\lor",
    "¬": r"\lnot",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "∑": r"\sum",
    "∏": r"\prod",
    "∫": r"\int",
    "∼": r"\sim",
    "←": r"\leftarrow",
    "⁢": " ",
    "⁡": "",
}
LETTERS = {"∞": r"\infty", "⊤": r"\top", "…": r"\ldots", "∂": r"\partial", "ε": r"\varepsilon"}
LETTERS |= {"φ": r"\varphi", "ϵ": r"\epsilon", "ϕ": r"\phi"}
FENCES = {"(": ")", "[": "]", "|": "|", "⌊": "⌋", "⌈": "⌉", "‖": "‖"}
NAMES = {"⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "‖": r"\lVert"}
WIDTHS = {"0.17em": r"\,", "0.28em": r"\;", "1em": r"\quad"}


def latex(markup: str) -> str:
    """The LaTeX that a formula in MathML stands for. Raises Unread."""
    root = ET.fromstring(markup)  # noqa: S314 - our own
    assert root.tag == "math"
    return listed(root)


def listed(row: ET.Element) -> str:
    """The parts of a row, one after the other; nothing between a function and its argument."""
    parts = [*row]
    is_sign = bool(parts) and parts[0].tag == "mo" and not is_index(parts[0])
    closing = FENCES.get(parts[0].text or "") if is_sign else None
    if closing and parts[-1].tag == "mo" and parts[-1].text == closing:
        opening, inside = parts[0].text or "", parts[1:-1]
        if opening == "[" and len(inside) == 1 and inside[0].tag == "mtable":
            return written(inside[0])
        behind = r"\rVert" if closing == "‖" else NAMES.get(closing, closing)
        return rf"\left{NAMES.get(opening, opening)} {joined(inside)} \right{behind}"
    if closing is None and parts and parts[0].text == "{" and parts[0].tag == "mo":
        return joined(parts[1:])
    return joined(parts)


def joined(parts: list[ET.Element]) -> str:
    """The LaTeX of several elements."""
    texts = [written(part) for part in parts]
    found = ""
    for text in texts:
        found += text if found.endswith("\0") else f" {text}"
        if not text:
            found = found.rstrip() + "\0"
    return found.replace("\0", "").strip()


def written(element: ET.Element) -> str:
    """The LaTeX of an element."""
    tag, parts = element.tag, [*element]
    if tag in {"mrow", "math", "mtd"}:
        return listed(element)
    if tag == "mn":
        return element.text or ""
    if tag == "mi":
        return identifier(element)
    if tag == "mo":
        return SIGNS.get(element.text or "", element.text or "")
    if tag == "mtext":
        return rf"\text{{{element.text}}}"
    if tag == "mspace":
        return WIDTHS[element.get("width", "")]
    if tag == "mfrac":
        return rf"\frac{{{written(parts[0])}}}{{{written(parts[1])}}}"
    if tag == "msqrt":
        return rf"\sqrt{{{joined(parts)}}}"
    if tag == "mroot":
        return rf"\sqrt[{written(parts[1])}]{{{written(parts[0])}}}"
    if tag == "mtable":
        kind = element.get("class")
        rows = r" \\ ".join([" & ".join(written(cell) for cell in row) for row in parts])
        return rf"\begin{{{kind}}} {rows} \end{{{kind}}}"
    if tag in {"msub", "munder"}:
        return f"{based(parts[0], parts[1])}_{{{script(parts[1])}}}"
    if tag in {"msup", "mover"}:
        return f"{written(parts[0])}^{{{written(parts[1])}}}"
    if tag in {"msubsup", "munderover"}:
        below = f"{based(parts[0], parts[1])}_{{{script(parts[1])}}}"
        return f"{below}^{{{written(parts[2])}}}"
    raise Unread(tag)


def script(element: ET.Element) -> str:
    """The LaTeX of what stands below; an index in brackets is no array."""
    parts = [*element]
    if parts and is_index(parts[0]):
        return "".join(written(part) for part in parts)
    return written(element)


def is_index(sign: ET.Element) -> bool:
    """Whether a bracket is that of an index."""
    return sign.text == "[" and sign.get("stretchy") == "false"


def based(base: ET.Element, below: ET.Element) -> str:
    """The LaTeX of what an index in brackets belongs to, in braces."""
    return f"{{{written(base)}}}" if len(below) and is_index(below[0]) else written(base)


def identifier(element: ET.Element) -> str:
    """The LaTeX of a name, or of the name of a function."""
    text = element.text or ""
    if element.get("class") == "name":
        return rf"\mathit{{{text}}}".replace("_", r"\_")
    shown = LETTERS.get(text, text)
    if shown == text and len(text) == 1 and "GREEK" in name(text, ""):
        match = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name(text))
        assert match
        spelled = match[2].lower().replace("lamda", "lambda")
        shown = "\\" + (spelled.title() if match[1] == "CAPITAL" else spelled)
    if element.get("mathvariant") == "normal":
        return r"\mathrm{d}" if text == "d" else rf"\operatorname{{{shown}}}"
    if len(text) > 1:
        spelled = text.replace("_", r"\_")
        return f"\\{text}" if f"\\{text}" in FUNCTIONS else rf"\operatorname{{{spelled}}}"
    return shown
