"""The rows of the forms that bind a name: integrate, sum, prod and solve.

They are no rows of the table, since a call that binds a name is a form of the language.
"""

from __future__ import annotations

from gradcli.graph.operations import Operation
from gradcli.graph.precedence import ATOM, SERIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gradcli.graph.bound import Bound


def _value(kind: str) -> Callable[..., float]:
    def value(*arguments: Any) -> float:
        return _function(kind, arguments[-1])(*arguments[:-1])

    return value


def _function(kind: str, bound: Bound) -> Callable[..., float]:
    """Return the value as a Python function of the arguments of the node."""
    from gradcli.graph import bound_values

    made: Callable[[Bound], Callable[..., float]] = getattr(bound_values, kind)
    return made(bound)


def _body(kind: str) -> Callable[..., Any]:
    def body(m: Any, *arguments: Any) -> Any:
        *numbers, bound = arguments
        return m.outside(f"{kind}_{bound}", lambda: _function(kind, bound), tuple(numbers))

    return body


def _reason(kind: str) -> Callable[..., str | None]:
    def reason(*arguments: Any) -> str | None:
        try:
            _value(kind)(*arguments)
        except (ValueError, ArithmeticError) as error:
            return str(error)
        return None

    return reason


def _unknown(*_: Any) -> int:
    """Return 0 for a local partial: to know it one must differentiate (gradcli.calculus.bound)."""
    return 0


def _doubt(*arguments: Any) -> str | None:
    from gradcli.graph.bound_values import doubt

    return doubt(*arguments)


def _every(number: int, payload: Any) -> tuple[int, ...]:  # noqa: ARG001 - see Hidden
    return tuple(range(number))


def _form(
    name: str, kind: str, noun: str, latex: tuple[str, str, int], **columns: Any
) -> Operation:
    return Operation(
        kind,
        _body(kind),
        value=_value(kind),
        arity=(1, -1),
        ulps=64,
        partials=_unknown,
        payload="bound",
        typed=name,
        hides=_every,
        noun=noun,
        binds=latex,
        reason=_reason(kind),
        **columns,
    )


# The LaTeX of a form: before the body, with {x} for the name and {0}, {1} for the limits; behind
# it; and the level of all.
INTEGRAL = _form(
    "integrate",
    "integral",
    "integral",
    (r"\int_{{{0}}}^{{{1}}} ", r" \, \mathrm{{d}}{x}", SERIES),
    symbol="∫",
    doubt=_doubt,
)
SUM_OVER = _form("sum", "sum_over", "sum", (r"\sum_{{{x} = {0}}}^{{{1}}} ", "", SERIES), symbol="Σ")
PRODUCT_OVER = _form(
    "prod", "product_over", "product", (r"\prod_{{{x} = {0}}}^{{{1}}} ", "", SERIES), symbol="Π"
)
ROOT = _form(
    "solve",
    "root",
    "root",
    (r"\operatorname{{solve}}_{{{x}}}\left(", r", {limits}\right)", ATOM),
    symbol="solve",
)
FORMS = {row.typed: row for row in (INTEGRAL, SUM_OVER, PRODUCT_OVER, ROOT)}
"""The forms by the name that is typed."""
