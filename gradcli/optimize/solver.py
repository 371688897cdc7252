"""What every method of minimising is: a point that moves, one step after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from gradcli.optimize.stopping import Reason

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
