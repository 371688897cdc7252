"""How to minimise, as options: keywords of the Python API and flags of the command line."""

from __future__ import annotations

from gradcli.options import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Option,
    Options,
    Whole,
    flag,
    number,
    one_of,
    spelled,
    table,
    text,
    texts,
    whole,
)
from gradcli.point import no_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from gradcli.solvers.first_order.schedules import Schedule

SECOND_ORDER = ("lm", "newton", "lbfgs")
"""The methods that choose their own steps."""
ERRORS = JACOBIAN, HESSIAN = "jacobian", "hessian"
"""What standard errors can be from."""


def _methods() -> Collection[str]:
    from gradcli.solvers.first_order.methods import METHODS

    return (*SECOND_ORDER, *METHODS)


class Random(Options):
    """What is drawn at random."""

    group = "Input"

    seed = Option("--seed", 0, "Seed of random starts such as w=normal(3) (0).", Whole(0), "N")


class Solving(Options):
    """The method, and how long it runs."""

    group = "Method"

    method = text(
        "--method",
        "lm, newton, lbfgs, or first-order with settings: 'adam(beta1=0.8)'.",
        "M",
        complete=_methods,
        identifies=True,
    )
    lr = number("--lr", "Learning rate of a first-order method.", "R", POSITIVE, identifies=True)
    schedule = text(
        "--schedule",
        "How the learning rate changes: 'cosine(t_max=100)'.",
        "S",
        complete=table("solvers.first_order.schedules.SCHEDULES"),
        identifies=True,
    )
    steps = whole("--steps", "Steps to take (at most 10000).", 0)
    tol = number(
        "--tol",
        "Stop at this norm of the gradient (1e-8), or relative step of lm.",
        "T",
        NOT_NEGATIVE,
        identifies=True,
    )
    seconds = number("--seconds", "Stop after so many seconds.", "S", POSITIVE)
    starts = whole("--starts", "Try N starts, keep the lowest; 1 for one run.", 1, 1_000_000)
    maximize = flag("--maximize", "Find a maximum in place of a minimum.", identifies=True)
    subject_to = texts(
        "--subject-to",
        "What must hold, as 'x^2 + y^2 <= 1' or 'x == y'; repeatable.",
        "C",
        identifies=True,
    )
    engine = one_of(
        "--engine",
        "{words}: native is machine code by LLVM, auto what is faster.",
        "E",
        table("programs.engines.choices"),
        "auto",
    )


class Fitting(Options):
    """How rows count in a fit, and what is said about it."""

    group = "Fit"

    weights: Option[Any] = text(
        "--weights", "How much each row of a fit counts.", "COLUMN", identifies=True
    )
    sigma: Option[Any] = text(
        "--sigma", "Standard deviation of each row of a fit.", "COLUMN", identifies=True
    )
    absolute_sigma = flag("--absolute-sigma", "--sigma is exact, not only up to a factor.")
    loss = text(
        "--loss",
        "For data with outliers: {words}, as 'huber(1.35)'.",
        "L",
        complete=table("solvers.losses.LOSSES"),
        identifies=True,
    )
    confidence = Option("--confidence", 0.95, "Of the confidence intervals (0.95).", SHARE, "P")
    errors: Option[str | None] = one_of(
        "--errors",
        "Standard errors from the jacobian of a fit, or from the hessian of any negative "
        "log-likelihood.",
        "HOW",
        lambda: ERRORS,
        None,
    )
    profile = flag("--profile", "Confidence intervals from the profile of the likelihood.")


class Settings(Random, Solving, Fitting):
    """How to minimise."""

    bounds: Mapping[str, tuple[float, float]] | None = None
    """The limits of parameters by name."""
    columns: Collection[str] = ()
    """All columns of the data, for messages about a name that is none of them."""
    location: Callable[[int], str] | None = staticmethod(no_location)
    """From a row of the data, counted from 0, to where it stands: " of d.csv (line 7)"; None where
    rows are not to be named, as those of a batch."""
    may_replace_start = False
    """Whether the start was not given, so that another one may do where it has no value."""

    @property
    def plan(self) -> Schedule | None:
        """How the learning rate changes. Raises UsageError for a schedule that there is not."""
        if self.schedule is None:
            return None
        from gradcli.language.bindings import choice
        from gradcli.solvers.first_order.schedules import schedule

        return schedule(*choice(spelled("schedule"), self.schedule))

    @property
    def may_be_lm(self) -> bool:
        """Whether lm was asked for, or the method is ours to choose."""
        if self.method is None:
            return self.lr is None and self.schedule is None
        return self.method.strip() == "lm"

    @property
    def is_first_order(self) -> bool:
        """Whether a first-order method is asked for."""
        if self.method is None:
            return self.lr is not None or self.schedule is not None
        return self.method.partition("(")[0].strip() not in SECOND_ORDER
