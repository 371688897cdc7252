"""The values of the free names of a formula: which there are, and what they must be."""

from __future__ import annotations

from gradcli.errors import NameValueError, ShapeError, listed, printable
from gradcli.graph.literals import Numeral, exactly, is_single, number_text
from gradcli.graph.shapes import sized
from gradcli.language.names import suggestion
from gradcli.language.origin import where
from gradcli.programs.interpreter import finite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from gradcli.graph.node import Graph, Node
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin


def names_to_nodes(graph: Graph, result: int, names: Sequence[str] | None = None) -> dict[str, int]:
    """Return the nodes of the names to differentiate with respect to; all free names for None.

    A name may be that of a part, `u = …`, which then counts as free. Raises NameValueError for a
    name that the formula does not use.
    """
    free = graph.variables([result])
    if names is None:
        return free
    known = dict(free)
    if not free.keys() >= set(names):
        for node in graph.reachable([result]):
            known |= {name: node for name in graph.names.get(node, ()) if name not in free}
    for name in names:
        if name not in known:
            close = suggestion(name, known)
            hint = f"did you mean '{close}'?" if close else f"its names are {listed(list(known))}"
            message = f"the formula has no name '{printable(name, 60)}'"
            raise NameValueError(message, hint=hint if known else None)
    return {name: known[name] for name in dict.fromkeys(names)}


def check_single(graph: Graph, result: int, origin: Origin | None) -> None:
    """Raise ShapeError unless a formula that is to be differentiated is a single number."""
    shape = graph.shape(result)
    if shape:
        message = f"a derivative needs a single number, and the formula has shape {shape}"
        hint = "take its sum, mean or norm, or one entry"
        raise ShapeError(message, hint=hint, **where(origin))


def checked(
    node: Node,
    values: Mapping[str, Any],
    origin: Origin | None = None,
    separate: Collection[str] = (),
) -> dict[str, Any]:
    """Return the values of the free names below a node, as floats and arrays, in their order.

    Names that have `separate` values are left out. Raises NameValueError when one is
    missing, unknown or not a finite number.
    """
    graph = node.graph
    nodes = graph.variables([node.id])
    names = [name for name in nodes if name not in separate]
    missing = [name for name in names if name not in values]
    unused = [name for name in values if name not in nodes and not graph.has_name(name)]
    if missing:
        from gradcli.language.notations import correction

        hint = correction(missing[0]) or f"add {missing[0]}=…"
        if unused:
            hint += f"; {listed(unused)} {'is' if len(unused) == 1 else 'are'} given but not used"
        if origin is not None and origin.is_model:
            hint += "; columns of data come from --data FILE"
        message = f"no value is given for {listed(missing)}"
        raise NameValueError(message, hint=hint, **where(origin, nodes[missing[0]]))
    if unused:
        message = f"the formula does not use {listed(unused)}"
        close = suggestion(unused[0], names)
        hint = f"did you mean '{close}'?" if close else f"remove {unused[0]}=…"
        raise NameValueError(message, hint=hint)
    return {name: as_value(name, values[name], graph.shape(nodes[name])) for name in names}


def shape_of(value: Any, name: str = "a name") -> Shape:
    """Return the shape of a number, a nested list or an array."""
    if is_single(value):
        return ()
    import numpy as np

    try:
        return tuple(np.shape(value))
    except ValueError:
        message = f"the value of {name} has parts of different shapes"
        raise NameValueError(message) from None


def as_value(name: str, value: Any, shape: Shape) -> Any:
    """Return the value of a name as a float, or as an array of doubles of the given shape.

    Raises NameValueError for a value of another shape and for inf and nan.
    """
    found: Any = None
    is_number = not shape and is_single(value)
    try:
        if is_number:
            found = exactly(value)
        elif value is not None:
            import numpy as np

            # A copy, for what was given may change; but not of what nobody else can change.
            is_open = getattr(getattr(value, "flags", None), "writeable", True)
            found = np.array(value, dtype=np.float64, copy=is_open or None)
    except (TypeError, ValueError):
        found = None
    if found is None:
        message = f"the value of {name} is not a number or an array of numbers"
        raise NameValueError(message)
    if not is_number:
        if found.shape != sized(shape, found.shape[0] if found.ndim else 0):
            message = f"the value of {name} has shape {found.shape}, and the formula takes {shape}"
            raise NameValueError(message, hint="give the shape where the formula or name is made")
        found = found if shape else float(found)
    if not finite(found):
        shown = found if isinstance(found, float) else "not finite everywhere"
        message = f"the value of {name} is {shown}; a value must be a finite number"
        raise NameValueError(message)
    return found


def as_decimal(value: Any, digits: int) -> Any:
    """Return a value as a decimal.Decimal of so many significant digits, or an array of them."""
    from decimal import Context, Decimal

    if hasattr(value, "ndim"):
        import numpy as np

        return np.frompyfunc(lambda x: as_decimal(x, digits), 1, 1)(value)
    if value - value != 0 and not isinstance(value, Numeral):
        return Decimal(repr(value))
    return Context(prec=digits).create_decimal(number_text(value))


def entry_name(name: str, key: tuple[int, ...]) -> str:
    """Return the name of a number of an array: w[0], W[0,1]; a number keeps its own."""
    return f"{name}[{','.join(map(str, key))}]" if key else name


def entry_names(name: str, shape: Shape) -> list[str]:
    """Return the names of the numbers of an array with a name: w[0], w[1]; a number's own."""
    from gradcli.graph.structural import entries

    return [entry_name(name, key) for key in entries(shape)]


def entries(values: Mapping[str, Any]) -> list[str]:
    """Return the names of the numbers that values are made of: a, w[0], w[1], W[0,1]."""
    shapes = {n: () if isinstance(x, float) else x.shape for n, x in values.items()}
    return [entry for name, shape in shapes.items() for entry in entry_names(name, shape)]


def numbers_of(value: Any) -> list[float]:
    """Return the numbers of a value, one or those of an array."""
    return [value] if isinstance(value, float) else value.ravel().tolist()


def numbers(point: Sequence[Any]) -> list[float]:
    """Return the numbers of a point, a vector or a list of the parameters' values, in order."""
    if hasattr(point, "tolist"):
        listed: list[float] = point.tolist()
        return listed
    return [number for value in point for number in numbers_of(value)]
