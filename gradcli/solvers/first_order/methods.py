"""The first-order methods by name: their settings, their usual learning rates and their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.options import NOT_NEGATIVE, POSITIVE, Number
from gradcli.records import NamedTuple
from gradcli.solvers.first_order import rules
from gradcli.solvers.settings import BELOW_ONE, FLAG, INSIDE_ONE, UP_TO_ONE, Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.solvers.first_order.rules import Rule


class Method(NamedTuple):
    """A first-order method by one of its names."""

    name: str
    settings: tuple[Setting, ...]
    rate: float
    """The learning rate when none is given."""
    rule: Callable[..., Rule]
    """Makes the rule from its settings, given by name."""


def _method(name: str, rate: float, rule: Callable[..., Rule], *settings: Setting) -> Method:
    return Method(name, settings, rate, rule)


_MOMENTUM = Setting("momentum", 0.0, NOT_NEGATIVE)
_WEIGHT_DECAY = Setting("weight_decay", 0.0, NOT_NEGATIVE)
_EPS = Setting("eps", 1e-8, NOT_NEGATIVE)
_MOMENTS = (Setting("beta1", 0.9, BELOW_ONE), Setting("beta2", 0.999, BELOW_ONE), _EPS)
_AMSGRAD = Setting("amsgrad", False, FLAG)
_DESCENT = (
    _MOMENTUM,
    Setting("dampening", 0.0, UP_TO_ONE),
    _WEIGHT_DECAY,
    Setting("nesterov", False, FLAG),
)

_ROWS = (
    _method("gd", 1e-3, rules.gd, *_DESCENT),
    _method("sgd", 1e-3, rules.gd, *_DESCENT),
    _method(
        "adagrad",
        1e-2,
        rules.adagrad,
        Setting("lr_decay", 0.0, NOT_NEGATIVE),
        _WEIGHT_DECAY,
        Setting("initial_accumulator", 0.0, NOT_NEGATIVE),
        Setting("eps", 1e-10, NOT_NEGATIVE),
    ),
    _method(
        "rmsprop",
        1e-2,
        rules.rmsprop,
        Setting("alpha", 0.99, BELOW_ONE),
        _EPS,
        _WEIGHT_DECAY,
        _MOMENTUM,
        Setting("centered", False, FLAG),
    ),
    _method("adam", 1e-3, rules.adam, *_MOMENTS, _WEIGHT_DECAY, _AMSGRAD),
    _method(
        "adamw",
        1e-3,
        rules.adamw,
        *_MOMENTS,
        Setting("weight_decay", 1e-2, NOT_NEGATIVE),
        _AMSGRAD,
    ),
    _method(
        "adadelta",
        1.0,
        rules.adadelta,
        Setting("rho", 0.9, BELOW_ONE),
        Setting("eps", 1e-6, NOT_NEGATIVE),
        _WEIGHT_DECAY,
    ),
    _method("adamax", 2e-3, rules.adamax, *_MOMENTS),
    _method("nadam", 2e-3, rules.nadam, *_MOMENTS, Setting("momentum_decay", 4e-3, NOT_NEGATIVE)),
    _method("radam", 1e-3, rules.radam, *_MOMENTS),
    _method(
        "rprop",
        1e-2,
        rules.rprop,
        Setting("eta_minus", 0.5, INSIDE_ONE),
        Setting("eta_plus", 1.2, Number("greater than 1", lambda value: value > 1)),
        Setting("step_min", 1e-6, NOT_NEGATIVE),
        Setting("step_max", 50.0, POSITIVE),
    ),
)

METHODS = {method.name: method for method in _ROWS}
"""The first-order methods by the names that users give them; gd and sgd are the same."""
