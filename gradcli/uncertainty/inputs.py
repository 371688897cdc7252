"""The uncertain numbers of a formula and their covariance matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcli.errors import NameValueError, few, printable
from gradcli.graph.structural import entries
from gradcli.language.names import suggestion
from gradcli.options import spelled
from gradcli.values import entry_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

ROUNDING = 1e-9
"""An eigenvalue of a correlation matrix this little below 0 is one of 0."""


class Saved(NamedTuple):
    """What a fit knows about the errors of its parameters."""

    names: list[str]
    """The numbers, a or w[0], that have errors."""
    covariance: list[list[float]]
    freedom: int | None
    """The degrees of freedom of the errors; None where they are known and not estimated."""

    def of(self, own: Sequence[str]) -> Saved | None:
        """Return the part for some names, a for a and w for all its numbers; None for none."""
        kept = [i for i, name in enumerate(self.names) if name.partition("[")[0] in own]
        if not kept:
            return None
        matrix = [[self.covariance[i][j] for j in kept] for i in kept]
        return self._replace(names=[self.names[i] for i in kept], covariance=matrix)


class Inputs(NamedTuple):
    """Uncertain numbers: their names, standard errors and correlation matrix."""

    names: list[str]
    errors: Matrix
    correlation: Matrix
    fitted: frozenset[str] = frozenset()
    """Those whose errors were estimated by a fit with `freedom` degrees of freedom."""
    freedom: int | None = None

    @property
    def bases(self) -> list[str]:
        """The names that they belong to, w for w[0], in order."""
        return list(dict.fromkeys(name.partition("[")[0] for name in self.names))

    def document(self) -> dict[str, Any]:
        """Return what a file of parameters says of them."""
        matrix = np.outer(self.errors, self.errors) * self.correlation
        about = {"names": self.names, "matrix": matrix.tolist()}
        return {**about, "degrees_of_freedom": self.freedom}

    @property
    def correlations(self) -> dict[tuple[str, str], float]:
        """The correlations that are not 0, by pairs of names."""
        places = zip(*np.nonzero(np.triu(self.correlation, 1)), strict=True)
        return {
            (self.names[i], self.names[j]): float(np.clip(self.correlation[i, j], -1.0, 1.0))
            for i, j in places
        }

    def of(self, name: str, value: Any) -> Any:
        """Return the standard error of a name with this value, an array for an array."""
        known = dict(zip(self.names, self.errors.tolist(), strict=True))
        shape = np.shape(value)
        found = [known.get(entry_name(name, key), 0.0) for key in entries(shape)]
        return np.reshape(found, shape) if shape else found[0]

    def only(self, moving: Sequence[str]) -> Inputs:
        """Return those of the names."""
        kept = [i for i, name in enumerate(self.names) if name in moving]
        return self._replace(
            names=[self.names[i] for i in kept],
            errors=self.errors[kept],
            correlation=self.correlation[np.ix_(kept, kept)],
        )


def inputs(
    errors: Mapping[str, Any],
    correlations: Mapping[tuple[str, str], float] | None = None,
    saved: Saved | None = None,
) -> Inputs:
    """Return the uncertain numbers that are given, with errors by name, and those of a fit.

    Raises NameValueError for correlations of other names, above 1 in size, or that no numbers
    together can have.
    """
    names: list[str] = []
    sizes: list[float] = []
    for name, error in errors.items():
        flat = np.asarray(error, dtype=float)
        names += [entry_name(name, key) for key in entries(flat.shape)]
        sizes += flat.ravel().tolist()
    count = len(names)
    if saved is not None:
        names += saved.names
        sizes += np.sqrt(np.diag(saved.covariance)).tolist()
    matrix = np.eye(len(names))
    if saved is not None:
        scale = np.array(sizes[count:])
        scale[scale == 0.0] = 1.0
        matrix[count:, count:] = np.asarray(saved.covariance) / np.outer(scale, scale)
        np.fill_diagonal(matrix, 1.0)
    for (first, second), value in (correlations or {}).items():
        for name in (first, second):
            if name not in names:
                close = suggestion(name, names)
                message = f"{spelled('correlate')} names {printable(name, 60)}, which has no error"
                hint = f"did you mean '{close}'?" if close else _known(names)
                raise NameValueError(message, hint=hint)
        if first == second or not -1.0 <= value <= 1.0:
            message = f"the correlation of {first} and {second} is {value:g}"
            raise NameValueError(message, hint="it is that of two names, between -1 and 1")
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = value
    if correlations and np.linalg.eigvalsh(matrix)[0] < -ROUNDING * len(names):
        pairs = [f"{a},{b}={value:g}" for (a, b), value in correlations.items()]
        message = f"no numbers have the correlations {few(pairs)} together"
        hint = "the matrix of correlations must not have a negative eigenvalue"
        raise NameValueError(message, hint=hint)
    fitted = frozenset(() if saved is None else saved.names)
    return Inputs(names, np.array(sizes), matrix, fitted, None if saved is None else saved.freedom)


def _known(names: Sequence[str]) -> str:
    if not names:
        return "give errors as x=1.0±0.1"
    return f"the names with errors are {few(names)}"
