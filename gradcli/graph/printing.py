"""Graph to formula, as text and as LaTeX: one walk, and a dialect that says how a part is written.

The text parses to the identical node, and the LaTeX says what the text says. Parentheses stand
only where `precedence` needs them. A node that the user named is written as a definition
(`u = 3*x*y; sin(u)`); so are shared parts when the formula would otherwise explode, which keeps its
length linear in the number of nodes.
"""

from __future__ import annotations

from string import Formatter

from gradcli.graph.literals import key_text, number_text
from gradcli.graph.operations import (
    ADD,
    CONSTANT,
    FUNCTIONS,
    MULTIPLY,
    NAMED_CONSTANT,
    NAMED_VALUES,
    PLACEHOLDER,
    TABLE,
    VARIABLE,
)
from gradcli.graph.precedence import (
    ATOM,
    COMPARISON,
    OPERANDS,
    OR,
    POSTFIX,
    POWER,
    PRODUCT,
    SUM,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import ClassVar

    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation

Piece = str | tuple[int, int]
"""A part of a formula: characters, or a node and the level that it must at least have."""
Form = tuple[str | tuple[int, int] | None, ...]
"""How an operation is written: characters, the position of an argument and the level that it must
at least have, and None for the payload. Position -k stands for all arguments from k on."""

LABEL_LENGTH = 60
"""The longest text of one node in a table; what is longer refers to its arguments as #id."""

ARRAY, INDEX, SCATTER = TABLE["array"], TABLE["index"], TABLE["scatter"]
TRANSPOSE, ZEROS = TABLE["transpose"], TABLE["zeros"]


class Text:
    """Formulas as they are typed, with `names` in place of the nodes that have them."""

    parentheses = ("(", ")")
    condition = ("(", ")")
    """What encloses a condition that is used as a number."""
    least = OR
    """The level that a result or an argument of a call must at least have."""
    forms: ClassVar[dict[Operation, Form | None]] = {}
    """How the operations that were met are written; None for a call."""

    def __init__(self, graph: Graph, names: Mapping[int, str]) -> None:
        self.graph = graph
        self.names = names
        self.levels: Mapping[int, int] = {}
        """How tightly names bind that are no atoms, such as ∂f/∂u."""

    # ------------------------------------------------------------ the walk

    def write(self, root: int, longest: int | None = None) -> str | None:
        """Return the formula of a node, even if it has a name itself.

        With `longest`, None when the formula is longer; the work then stops there.
        """
        written: list[str] = []
        length = 0
        names, level_of, pieces_of = self.names, self.level, self.pieces
        opening, closing = self.parentheses
        is_root = True
        waiting: list[Piece] = [(root, self.least)]
        while waiting:
            # Every piece that waits will be a character at least.
            if longest is not None and length + len(waiting) > longest:
                return None
            piece = waiting.pop()
            if isinstance(piece, str):
                written.append(piece)
                length += len(piece)
                continue
            node, least = piece
            if node in names and not is_root:
                is_weaker = self.levels.get(node, ATOM) < least
                waiting.append(f"{opening}{names[node]}{closing}" if is_weaker else names[node])
                continue
            is_root = False
            level = level_of(node)
            if level >= least:
                waiting += pieces_of(node)[::-1]
            else:
                is_condition = level <= COMPARISON < least
                before, behind = self.condition if is_condition else self.parentheses
                waiting += [behind, *reversed(pieces_of(node)), before]
        return None if longest is not None and length > longest else "".join(written)

    def pieces(self, node: int) -> list[Piece]:
        """Return the parts of a node in order."""
        operation, arguments, payload = self.graph.rows[node]
        if operation is VARIABLE or operation is PLACEHOLDER:
            return [self.name(payload)]
        if operation is CONSTANT:
            return [self.number(payload)]
        form = self.form(operation)
        if form is not None:
            name = ""
            if operation.binds:
                body, name = self.body(node)
                arguments = (body, *arguments[: payload.limits])
            pieces: list[Piece] = []
            for part in form:
                if isinstance(part, str):
                    pieces.append(part)
                elif part is None and operation.payload == "axis":
                    pieces.append(self.axis(payload))
                elif part is None:
                    pieces.append(name or self.number(payload))
                elif part[0] < 0:
                    pieces += _separated([(each, part[1]) for each in arguments[-part[0] :]])
                else:
                    pieces.append((arguments[part[0]], part[1]))
            return pieces
        if operation is NAMED_CONSTANT:
            return [self.constant(payload)]
        if operation is ARRAY:
            return self.array(arguments)
        if operation is INDEX:
            return self.index((arguments[0], ATOM), key_text(payload))
        return self._call_pieces(node)

    def _call_pieces(self, node: int) -> list[Piece]:
        """Return the parts of a call, with the payload where it is typed."""
        operation, arguments, payload = self.graph.rows[node]
        listed: list[Piece] = [(argument, self.least) for argument in arguments]
        if operation.payload == "first":
            listed.insert(0, self.number(payload))
        elif operation is SCATTER:
            key, shape = payload
            zeros = ", ".join(map(str, shape)).join(self.call(ZEROS, None))
            listed.append("".join(map(str, self.index(zeros, key_text(key)))))
        elif operation.payload == "last":
            listed.append(self.number(payload))
        elif operation.payload in {"shape", "values", "sizes"}:
            listed += [self.number(size) for size in payload]
        opening, closing = self.call(operation, payload if operation.payload == "axis" else None)
        return [opening, *_separated(listed), closing]

    def body(self, node: int) -> tuple[int, str]:
        """Return the body of a form as a node of the graph, and the bound name in it.

        The name is the one that was typed, or like it, if what the body takes has the same name.
        """
        from gradcli.graph.forms import inlined

        graph = self.graph
        _, arguments, bound = graph.rows[node]
        taken = arguments[bound.limits :]
        others = {*NAMED_VALUES, *map(self.typed_name, graph.variables(taken))}
        others |= {name for below in graph.reachable(taken) for name in graph.names.get(below, ())}
        others.discard(bound.name if bound.name in NAMED_VALUES else "")
        name, number = bound.name, 0
        while name in others:
            number += 1
            name = f"{bound.name}{number}"
        leaf = graph.variable(f"0 {name}")
        return inlined(graph, bound, bound.roots[0], [leaf, *taken], as_typed=True), self.name(
            f"0 {name}"
        )

    @staticmethod
    def typed_name(text: str) -> str:
        """Return a name as it is typed, bound or not."""
        return text.rpartition(" ")[2]

    def form(self, operation: Operation) -> Form | None:
        """Return how an operation is written; None for a call."""
        if operation not in self.forms:
            self.forms[operation] = self.new_form(operation)
        form = self.forms[operation]
        sign = self.spelling(operation)
        return form if form is None or sign is None else _infix_form(operation, sign)

    def spelling(self, operation: Operation) -> str | None:
        """Return how the user spells an operation, if it has more than one spelling."""
        return self.graph.spellings.get(operation.name)

    def written(self, node: int) -> Sequence[int]:
        """Return the arguments of a node, each as often as it is written."""
        return self.graph.rows[node][1]

    # ------------------------------------------------------------ the parts

    def number(self, value: float) -> str:
        """Return a literal."""
        return number_text(value)

    def name(self, text: str) -> str:
        """Return a free name, or a bound one."""
        return self.typed_name(text)

    def constant(self, text: str) -> str:
        """Return pi, tau or e."""
        return text

    def axis(self, axis: int | None) -> str:
        """Return the axis that an operation works along."""
        return "" if axis is None else f", axis={axis}"

    def level(self, node: int) -> int:
        """Return how tightly a node binds."""
        return self.graph.rows[node][0].level

    def new_form(self, operation: Operation) -> Form | None:
        """Return how an operation is written; None for a call."""
        if operation.binds:
            return _template_form(f"{operation.typed}({{0}}, {{p}}, {{1!r}})", (OR, OR))
        return None if operation.infix is None else _infix_form(operation, operation.infix)

    def call(self, operation: Operation, axis: int | None) -> tuple[str, str]:
        """Return what stands before and behind the arguments of a function."""
        name = self.spelling(operation) or operation.typed or operation.name
        return f"{name}(", f"{self.axis(axis)})"

    def array(self, parts: Sequence[int]) -> list[Piece]:
        """Return the parts of an array."""
        return ["[", *_separated([(part, OR) for part in parts]), "]"]

    def index(self, base: Piece, key: str) -> list[Piece]:
        """Return the parts of an indexed array."""
        return [base, f"[{key}]"]


class Spoken(Text):
    """Formulas as they stand in a line of a lesson: Aᵀ, and a dot for a product."""

    forms: ClassVar[dict[Operation, Form | None]] = {}

    def new_form(self, operation: Operation) -> Form | None:
        """Return how an operation is written; None for a call."""
        if operation is TRANSPOSE:
            return (0, ATOM), "ᵀ"
        is_product = operation is MULTIPLY
        return _infix_form(operation, " · ") if is_product else super().new_form(operation)


class Latex(Text):
    r"""Formulas in mathematics mode: fractions, exponents, and no sign between most factors.

    What mathematics has no usual form for is written so that it cannot be taken for another thing:
    an index is x_{[0]}, a condition that is used as a number stands in Iverson's brackets, \odot
    multiplies arrays number by number and a thin space multiplies matrices.
    """

    parentheses = (r"\left(", r"\right)")
    condition = (r"\left[", r"\right]")
    least = SUM
    forms: ClassVar[dict[Operation, Form | None]] = {}

    def __init__(
        self, graph: Graph, names: Mapping[int, str], free: dict[str, str] | None = None
    ) -> None:
        super().__init__(graph, names)
        self._free = latex_names(graph) if free is None else free
        """Free names as they are written; those of bound ones are added."""

    def pieces(self, node: int) -> list[Piece]:
        """Return the parts of a node in order."""
        operation, arguments, _ = self.graph.rows[node]
        return self.product(*arguments) if operation is MULTIPLY else super().pieces(node)

    def written(self, node: int) -> Sequence[int]:
        """Return the arguments of a node, each as often as it is written."""
        operation, arguments, _ = self.graph.rows[node]
        form = self.form(operation)
        if form is None or operation is MULTIPLY or operation.binds:
            return arguments
        return [arguments[part[0]] for part in form if isinstance(part, tuple)]

    def number(self, value: float) -> str:
        """Return a number, with a power of ten for an exponent."""
        digits, _, exponent = number_text(value).partition("e")
        return rf"{digits} \times 10^{{{exponent}}}" if exponent else digits

    def spelling(self, operation: Operation) -> None:
        """Return None: the notation of mathematics has one spelling."""

    def name(self, text: str) -> str:
        """Return a free name as no other one is written."""
        if text not in self._free:
            self._free[text] = _usual_latex(self.typed_name(text))
        return self._free[text]

    def constant(self, text: str) -> str:
        r"""Return \pi, \tau or e."""
        return text.replace("inf", r"\infty") if text.endswith("inf") else _usual_latex(text)

    def axis(self, axis: int | None) -> str:
        """Return the axis that an operation works along, below the sign of the operation."""
        return "" if axis is None else rf"_{{\text{{axis }} {axis}}}"

    def level(self, node: int) -> int:
        """Return how tightly a node binds."""
        operation, _, payload = self.graph.rows[node]
        if isinstance(operation.latex, tuple):
            return int(operation.latex[1])
        is_power_of_ten = operation is CONSTANT and "e" in number_text(payload)
        return PRODUCT if is_power_of_ten else operation.level

    def new_form(self, operation: Operation) -> Form | None:
        """Return how an operation is written; None for a call."""
        latex = operation.latex
        if isinstance(latex, tuple):
            return _template_form(latex[0], latex[2:])
        if latex is not None and "{0}" in latex:
            return _template_form(latex, (SUM,) * 3)
        return None if operation.infix is None else _infix_form(operation, latex or operation.infix)

    def call(self, operation: Operation, axis: int | None) -> tuple[str, str]:
        """Return what stands before and behind the arguments of a function."""
        typed = (operation.typed or operation.name).replace("_", r"\_")
        name = operation.latex or rf"\operatorname{{{typed}}}"
        return rf"{name}{self.axis(axis)}\left(", r"\right)"

    def product(self, left: int, right: int) -> list[Piece]:
        r"""Return the parts of a product: with \cdot before a digit, \odot between arrays."""
        rows = self.graph.rows
        if self.graph.shape(left) and self.graph.shape(right):
            return [(left, PRODUCT), r" \odot ", (right, POWER)]
        first, form = right, self.form(rows[right][0])
        if right not in self.names and form is not None and isinstance(form[0], tuple):
            first = rows[right][1][form[0][0]] if self.level(right) >= POWER else right
        name = self.names.get(first)
        is_digit = rows[first][0] is CONSTANT if name is None else not _begins_a_name(name)
        return [(left, PRODUCT), r" \cdot " if is_digit else " ", (right, POWER)]

    def array(self, parts: Sequence[int]) -> list[Piece]:
        """Return the parts of an array: a matrix by rows, others in brackets."""
        graph = self.graph
        if any(
            graph.rows[part][0] is not ARRAY or len(graph.shape(part)) != 1 or part in self.names
            for part in parts
        ):
            return [r"\left[", *_separated([(part, SUM) for part in parts]), r"\right]"]
        rows = [_separated([(cell, SUM) for cell in graph.rows[part][1]], " & ") for part in parts]
        pieces: list[Piece] = [r"\begin{bmatrix} "]
        for row in rows:
            pieces += [*row, r" \\ "]
        return [*pieces[:-1], r" \end{bmatrix}"]

    def index(self, base: Piece, key: str) -> list[Piece]:
        """Return the parts of an indexed array."""
        return ["{", base, f"}}_{{[{key}]}}"]


def _begins_a_name(latex: str) -> bool:
    """Return whether LaTeX begins with a letter or a command, not with a digit or a mark."""
    return latex[:1].isalpha() or latex.startswith("\\")


def _infix_form(operation: Operation, sign: str) -> Form:
    """Return how an operator is written: before, between or behind what it is applied to."""
    operands = [*enumerate(OPERANDS[operation.level])]
    if operation.level == POSTFIX:
        return operands[0], sign
    if len(operands) == 1:
        return sign, operands[0]
    return operands[0], sign, operands[1] if operation.payload is None else None


def _template_form(template: str, levels: Sequence[int]) -> Form:
    """Return the parts of a template: {0}, {1} … for arguments, {p} for the payload.

    {1!r} stands for all arguments from that one on. The levels are those of its arguments in order.
    """
    least = iter(levels)
    form: list[str | tuple[int, int] | None] = []
    for text, mark, _, rest in Formatter().parse(template):
        form += [text] if text else []
        if mark == "p":
            form.append(None)
        elif mark is not None:
            form.append((-int(mark) if rest else int(mark), next(least)))
    return tuple(form)


def _separated(listed: Sequence[Piece], sign: str = ", ") -> list[Piece]:
    pieces: list[Piece] = []
    for position, piece in enumerate(listed):
        pieces += [sign, piece] if position else [piece]
    return pieces


# ---------------------------------------------------------------- names and definitions


def write(
    graph: Graph, node: int, names: Mapping[int, str], longest: int | None = None
) -> str | None:
    """Return the node's text with `names` in place of named arguments.

    With `longest`, None when the text is longer; the work then stops there.
    """
    return Text(graph, names).write(node, longest)


def formula(graph: Graph, root: int) -> str:
    """Return the text of `root`: definitions first, then the result, separated by "; "."""
    names = definitions(graph, [root])
    text = Text(graph, names)
    lines = [f"{name} = {text.write(node)}" for node, name in names.items() if node != root]
    return "; ".join([*lines, str(text.write(root))])


def latex(graph: Graph, root: int, value: str = "") -> str:
    r"""Return `root` as LaTeX for mathematics mode: the result, then "with" and the definitions.

    `value` is a number that the result is said to equal.
    """
    *lines, result = latex_lines(graph, root)
    result = f"{result} = {value}" if value else result
    return rf"{result} \quad \text{{with }} " + r",\; ".join(lines) if lines else result


def latex_lines(graph: Graph, root: int, letter: str = "", *, is_model: bool = False) -> list[str]:
    """Return `root` as LaTeX: the definitions, then the result, which `letter` is said to be.

    A sum of squares that was typed as a model, y ~ …, is written as one, a line for each.
    """
    dialect = Latex(graph, {})
    defined = definitions(graph, [root], dialect)
    letters = latex_names(graph, [*defined.values(), *([letter] if letter else [])])
    dialect.names = {node: letters[name] for node, name in defined.items()}
    lines = [
        f"{name} = {dialect.write(node)}" for node, name in dialect.names.items() if node != root
    ]
    if is_model:
        return [*lines, *_models(dialect, root)]
    said = f"{letters[letter]} = " if letter else ""
    return [*lines, f"{said}{dialect.write(root)}"]


def _models(dialect: Latex, root: int) -> list[str]:
    """Return the models that a sum of squares adds up, the first one first."""
    rows, found = dialect.graph.rows, []
    while rows[root][0] is ADD:
        root, last = rows[root][1]
        found.append(last)
    residuals = []
    for node in [root, *reversed(found)]:
        square = rows[node][1][0] if rows[node][0] is TABLE["sum"] else node
        residuals.append(rows[rows[square][1][0]][1])
    return [rf"{dialect.write(y)} \sim {dialect.write(f)}" for y, f in residuals]


def label(graph: Graph, node: int, longest: int = LABEL_LENGTH) -> str:
    """Return the formula of one node in terms of the names below it, in one short line.

    A longer formula is written in terms of the node's own arguments: `#41 + x`.
    """
    names = {n: next(iter(own)) for n, own in graph.names.items() if n != node and own}
    text = write(graph, node, names, longest)
    if text is not None:
        return text
    arguments = graph.rows[node][1]
    shallow = {a: short(graph, a) for a in arguments}
    text = write(graph, node, shallow, longest)
    return text if text is not None else f"{graph.rows[node][0].name}(… {len(arguments)} terms)"


def short(graph: Graph, node: int) -> str:
    """Return the name or number of a node, or `#id` for one that has neither."""
    operation = graph.rows[node][0]
    if operation in {CONSTANT, VARIABLE, NAMED_CONSTANT}:
        return str(write(graph, node, {}))
    return graph.name_of(node) or f"#{node}"


def definitions(
    graph: Graph, roots: Collection[int], dialect: Text | None = None
) -> dict[int, str]:
    """Return the nodes to write as definitions of the formulas of `roots`, and their names.

    These are the nodes that the user named; and when the formulas would be many times longer than
    the graph, every shared part, named t1, t2 …
    """
    nodes = graph.reachable(roots)
    written = (dialect or Text(graph, {})).written
    taken = {*NAMED_VALUES, *FUNCTIONS}
    if not any(graph.rows[n][0] is NAMED_CONSTANT and graph.rows[n][2] == "e" for n in nodes):
        taken.discard("e")
    taken |= graph.variables(roots).keys()
    uses: dict[int, int] = dict.fromkeys(nodes, 0)
    for node in nodes:
        for argument in written(node):
            uses[argument] += 1
    names: dict[int, str] = {}
    for node in nodes:
        for name in graph.names.get(node, ()):
            if name not in taken and node not in names and (uses[node] or node not in roots):
                taken.add(name)
                names[node] = name
    lengths: dict[int, float] = {}
    total = 0.0
    for node in nodes:
        # About how many characters it takes.
        lengths[node] = 3.0 + sum(
            [len(names[a]) if a in names else lengths[a] for a in written(node)]
        )
        if node in names or node in roots:
            total += lengths[node]
    if total > 200 + 16 * len(nodes):
        number = 0
        for node in nodes:
            if uses[node] > 1 and node not in names and graph.rows[node][1]:
                number += 1
                while f"t{number}" in taken:
                    number += 1
                names[node] = f"t{number}"
    return dict(sorted(names.items()))


def latex_names(graph: Graph, parts: Iterable[str] = ()) -> dict[str, str]:
    """Return every free name of a graph, and names of parts, as LaTeX, no two of them alike."""
    leaves = [row[2] for row in graph.rows if row[0] is VARIABLE or row[0] is PLACEHOLDER]
    free = _distinct([name for name in leaves if " " not in name], _CONSTANTS)
    return free | _distinct(parts, {*_CONSTANTS, *free.values()})


def _distinct(names: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Return names as LaTeX; those that would look like another one are spelled out."""
    found: dict[str, str] = {}
    seen = {*taken}
    # One that looks like what is typed comes before one that spells it: β before beta.
    for name in sorted(dict.fromkeys(names), key=str.isascii):
        usual = _usual_latex(name)
        found[name] = _spelled_out(name) if usual in seen else usual
        seen.add(found[name])
    return found


def _spelled_out(name: str) -> str:
    return rf"\mathit{{{name}}}".replace("_", r"\_")


def _usual_latex(name: str) -> str:
    r"""Return a name as LaTeX: x1 is x_{1}, alpha is \alpha, rate is \mathit{rate}."""
    base, _, index = name.translate(_SUBSCRIPTS).partition("_")
    if "" in name.split("_"):
        return _spelled_out(name)
    digits = base.rstrip("0123456789")
    if digits and digits != base:
        index = base[len(digits) :] + ("," + index if index else "")
        base = digits
    if base in GREEK:
        shown = "\\" + GREEK[base]
    elif base in _GREEK_NAMES:
        shown = "\\" + base
    elif len(base) == 1:
        shown = base
    else:
        shown = _spelled_out(base)
    return f"{shown}_{{{index.replace('_', ',')}}}" if index else shown


_SMALL = """alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho
    sigma tau upsilon varphi chi psi omega"""
_CAPITAL = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψω", _SMALL.split(), strict=True)) | dict(
    zip("ΓΔΘΛΞΠΣΥΦΨΩ", _CAPITAL.split(), strict=True)
)
_GREEK_NAMES = {*GREEK.values(), "epsilon", "phi"}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_CONSTANTS = {_usual_latex(name) for name in NAMED_VALUES if name.isidentifier()}
