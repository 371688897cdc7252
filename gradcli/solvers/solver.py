"""What every method of minimising is: a point that moves, one step after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from gradcli.solvers.stopping import Reason

    Mask = NDArray[np.bool_]
    Vector = NDArray[np.float64]
    Matrix = NDArray[np.float64]


class Solver(Protocol):
    """A method at work: where it stands, and how it goes on.

    What it minimises is given when it is made, and is evaluated at the start then: an error there
    is passed on, for there is no point to return.
    """

    @property
    def name(self) -> str:
        """What the method is called."""

    @property
    def point(self) -> Any:
        """A vector, or for first-order methods a list with the value of each parameter."""

    @property
    def value(self) -> float:
        """The objective at the point."""

    @property
    def gradient_norm(self) -> float:
        """The Euclidean norm of its gradient; within bounds, of the part that can be followed."""

    @property
    def rate(self) -> float:
        """The learning rate of a first-order method, the length of a line search, 1 for others."""

    def suspects(self) -> Mask | None:
        """Return along which variables no curvature is known at the point; None for all."""

    def arrived(self) -> Reason | None:
        """Return why the point is as good as the minimum; None when it is not known to be."""

    def step(self) -> Reason | None:
        """Move to the next point and return None, or stay and return why the run is over."""


@runtime_checkable
class Continuable(Protocol):
    """A solver whose state can be kept, to go on from there bit for bit."""

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on: numbers, texts, vectors and lists of these."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from such a state of a solver that was made alike."""


class Leap(NamedTuple):
    """Some steps that were taken at once."""

    steps: int
    """How many; 0 when the next one must be taken by itself."""
    best: tuple[int, float, Any, float, float] | None
    """The step, from 1, to the lowest value among them, if that is below the lowest so far; the
    value, point, gradient norm and rate there."""


@runtime_checkable
class Leaping(Protocol):
    """A solver that can take many steps at once, the same ones, faster."""

    def leap(self, most: int, remaining: int, lowest: float) -> Leap:
        """Take up to `most` steps, of `remaining` ones; `lowest` is the lowest value so far.

        It stops after a step that may have arrived, and before one that may not be possible.
        """

    def retraced(self, step: int) -> tuple[float, Any, float, float] | None:
        """Return value, point, gradient norm and rate after a step of one of the last leaps.

        None where no leap led past that step.
        """


class Function(Protocol):
    """A smooth function of a vector."""

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        """Return value and gradient; raise MathematicsError where either is not finite."""

    def hessian(self, point: Vector) -> Matrix:
        """Return the exact second derivatives; raise MathematicsError where one is not finite."""


class Residuals(Protocol):
    """A vector function of a vector, whose sum of squares is to be as small as possible."""

    count: int
    """How many residuals there are."""

    def values(self, point: Vector) -> Iterator[Vector]:
        """Yield the residuals in blocks; raise MathematicsError where one is not finite."""

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield the residuals r, shape (k,), and their Jacobian dr/dp, shape (k, p), in blocks.

        Blocks are rows that follow each other; both arrays are the caller's to change. Raises
        MathematicsError where a number is not finite.
        """

    def along(self, point: Vector, direction: Vector) -> Iterator[tuple[Vector, Matrix, Matrix]]:
        """Yield residuals, Jacobian and its derivative along a direction, dJ/dt, as `blocks`."""


@runtime_checkable
class InPieces(Protocol):
    """Residuals of many rows, pieces of which are worked out by themselves, maybe elsewhere."""

    def each(
        self, form: str, work: Callable[..., Any], arguments: tuple[Any, ...], *more: Any
    ) -> Iterable[Any]:
        """Yield what is made of each piece; see the function of that name."""


T = TypeVar("T")


def each(
    residuals: Residuals,
    form: str,
    work: Callable[..., T],
    arguments: tuple[Any, ...],
    *more: Any,
) -> Iterable[T]:
    """Yield what `work` makes of the rows of each piece, of all of them where there are none.

    `form` is "values", "blocks" or "along", the method of the residuals that takes the `arguments`
    and yields the rows; `work` takes these and what there is `more`. Its result should be small,
    and it must be a function of a module, for another process knows it by its name. Raises
    MathematicsError where a number is not finite.
    """
    if isinstance(residuals, InPieces):
        yield from residuals.each(form, work, arguments, *more)
    else:
        yield work(getattr(residuals, form)(*arguments), *more)
