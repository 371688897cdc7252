"""The first-order methods: how gradients, the latest and those before it, become a step.

Each is the rule of torch.optim with the same name (gd is SGD), and gives the same numbers. In the
formulas p is the point, g its gradient, t the number of the step, from 1, and lr the learning rate.
They are written once for floats and for arrays, elementwise: what is spelt differently for the two
comes with the block, so that numbers need no NumPy. METHODS has them by name with their settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcli.errors import UsageError
from gradcli.options import NOT_NEGATIVE, POSITIVE, Number
from gradcli.records import NamedTuple
from gradcli.solvers.settings import BELOW_ONE, FLAG, INSIDE_ONE, UP_TO_ONE, Setting


class Functions(NamedTuple):
    """The elementwise functions for one kind of block."""

    sqrt: Callable[[Any], Any]
    maximum: Callable[[Any, Any], Any]
    sign: Callable[[Any], Any]
    clip: Callable[[Any, Any, Any], Any]
    where: Callable[[Any, Any, Any], Any]


NUMBERS = Functions(
    math.sqrt,
    max,
    lambda x: (x > 0) - (x < 0),
    lambda x, low, high: min(max(x, low), high),
    lambda condition, x, y: x if condition else y,
)


def array_functions() -> Functions:
    """Return the functions for arrays; imports NumPy."""
    import numpy as np

    return Functions(np.sqrt, np.maximum, np.sign, np.clip, np.where)


Memory = tuple[Any, ...]
"""What a rule keeps of a block from one step to the next: numbers, and arrays of its shape."""

Coefficients = tuple[Any, ...]
"""The numbers of a step that depend only on t and lr."""

Next = tuple[Any, Memory]
"""The next point of a block and its memory then."""

Update = Callable[[Any, Any, Memory, Coefficients, Functions], Next]
"""From point, gradient and memory of a block to its next point and memory; changes no array."""


class Rule(NamedTuple):
    """A rule with its settings."""

    memory: Memory
    """The memory of every block at the start; a number stands for an array filled with it."""
    coefficients: Callable[[Any, Any, Functions], Coefficients]
    """Works out what depends only on t and lr."""
    update: Update
    """Takes the step."""


def _rate(_: Any, rate: Any, __: Functions) -> Coefficients:
    return (rate,)


def gd(
    *,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Rule:
    """Return gradient descent: b ← momentum·b + (1-dampening)·g, from b = g; p ← p - lr·b.

    With nesterov g + momentum·b takes the place of b (Sutskever, Martens, Dahl and Hinton, On the
    importance of initialization and momentum in deep learning, 2013). Raises UsageError for
    nesterov without momentum or with dampening.
    """
    if nesterov and (momentum == 0 or dampening != 0):
        message = "nesterov needs a momentum above 0 and no dampening"
        raise UsageError(message, hint="for example gd(momentum=0.9, nesterov=1)")

    def coefficients(t: Any, rate: Any, of: Functions) -> Coefficients:
        share = of.where(t < 2, 1.0, 1 - dampening) if dampening else 1.0
        return (rate, share) if momentum else (-rate,)

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, _: Functions) -> Next:
        if weight_decay:
            g = g + weight_decay * p
        if not momentum:
            return now[0] * g + p, ()
        rate, share = now
        b = momentum * memory[0] + share * g
        return p - rate * (g + momentum * b if nesterov else b), (b,)

    return Rule((0.0,) if momentum else (), coefficients, update)


def adagrad(
    *,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator: float = 0.0,
    eps: float = 1e-10,
) -> Rule:
    """Return Adagrad: s ← s + g²; p ← p - lr/(1 + (t-1)·lr_decay)·g/(√s + eps).

    Duchi, Hazan and Singer, Adaptive Subgradient Methods, 2011.
    """

    def coefficients(t: Any, rate: Any, _: Functions) -> Coefficients:
        return (rate / (1 + (t - 1) * lr_decay),)

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        (size,) = now
        if weight_decay:
            g = g + weight_decay * p
        s = memory[0] + g * g
        return p - size * (g / (of.sqrt(s) + eps)), (s,)

    return Rule((initial_accumulator,), coefficients, update)


def rmsprop(
    *,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> Rule:
    """Return RMSprop: v ← alpha·v + (1-alpha)·g²; b ← momentum·b + g/(√v + eps); p ← p - lr·b.

    Hinton, Neural Networks for Machine Learning, lecture 6, 2012. With centered, v - m² takes the
    place of v, with m the mean of g (Graves, Generating Sequences with Recurrent Neural Networks,
    2013). That is never negative but for rounding, so it is taken as 0 then.
    """

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        (rate,) = now
        v, m, b = memory
        if weight_decay:
            g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * (g * g)
        variance = v
        if centered:
            m = m + (1 - alpha) * (g - m)
            variance = of.maximum(v - m * m, 0.0)
        change = g / (of.sqrt(variance) + eps)
        if momentum:
            b = change = momentum * b + change
        return p - rate * change, (v, m, b)

    return Rule((0.0, 0.0, 0.0), _rate, update)


def adadelta(*, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0) -> Rule:
    """Return Adadelta: v ← rho·v + (1-rho)·g²; δ = √(u+eps)/√(v+eps)·g; p ← p - lr·δ.

    After that u ← rho·u + (1-rho)·δ² (Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012).
    """

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        (rate,) = now
        v, u = memory
        if weight_decay:
            g = g + weight_decay * p
        v = rho * v + (1 - rho) * (g * g)
        change = of.sqrt(u + eps) / of.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * (change * change)
        return p - rate * change, (v, u)

    return Rule((0.0, 0.0), _rate, update)


def rprop(
    *,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    step_min: float = 1e-6,
    step_max: float = 50.0,
) -> Rule:
    """Return Rprop: p ← p - sign(g)·s; s is lr first and grows by eta_plus while g keeps its sign.

    Where the sign turns, s shrinks by eta_minus and g counts as 0, in this step and as the one
    before the next (Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation
    Learning, 1993). Raises UsageError when the smallest step is above the largest.
    """
    if step_min > step_max:
        message = f"step_min of rprop, {step_min:g}, is above its step_max, {step_max:g}"
        raise UsageError(message, hint="for example rprop(step_min=1e-6, step_max=50)")

    def coefficients(t: Any, rate: Any, of: Functions) -> Coefficients:
        return (of.where(t < 2, rate, 0.0),)

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        before, s = memory
        (first,) = now
        turn = of.sign(g * before)
        factor = of.where(turn > 0, eta_plus, of.where(turn < 0, eta_minus, 1.0))
        s = of.clip((first + s) * factor, step_min, step_max)
        g = of.where(turn < 0, 0.0, g)
        return p - of.sign(g) * s, (g, s)

    return Rule((0.0, 0.0), coefficients, update)


def adam(
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> Rule:
    """Return Adam: m ← m + (1-beta1)(g-m); v ← beta2·v + (1-beta2)·g²; p ← p - lr·m̂/(√v̂ + eps).

    Here m̂ = m/(1-beta1^t) and v̂ = v/(1-beta2^t) (Kingma and Ba, Adam, 2015). With amsgrad the
    largest v so far takes the place of v (Reddi, Kale and Kumar, On the Convergence of Adam and
    Beyond, 2018).
    """
    return _adam(beta1, beta2, eps, amsgrad, coupled=weight_decay, decoupled=0.0)


def adamw(
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
) -> Rule:
    """Return AdamW: p ← p·(1 - lr·weight_decay), then Adam without weight decay.

    Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """
    return _adam(beta1, beta2, eps, amsgrad, coupled=0.0, decoupled=weight_decay)


def _adam(
    beta1: float, beta2: float, eps: float, amsgrad: bool, *, coupled: float, decoupled: float
) -> Rule:
    """Return Adam with a weight decay that is part of the gradient, or one beside it."""

    def coefficients(t: Any, rate: Any, of: Functions) -> Coefficients:
        return rate / (1 - beta1**t), of.sqrt(1 - beta2**t), 1 - rate * decoupled

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        m, v, largest = memory
        size, correction, shrinking = now
        if coupled:
            g = g + coupled * p
        if decoupled:
            p = p * shrinking
        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * (g * g)
        second_moment = v
        if amsgrad:
            second_moment = largest = of.maximum(largest, v)
        return p - size * (m / (of.sqrt(second_moment) / correction + eps)), (m, v, largest)

    return Rule((0.0, 0.0, 0.0), coefficients, update)


def adamax(*, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Rule:
    """Return Adamax: m as Adam; u ← max(beta2·u, |g| + eps); p ← p - lr/(1-beta1^t)·m/u.

    Kingma and Ba, Adam, 2015, section 7.
    """

    def coefficients(t: Any, rate: Any, _: Functions) -> Coefficients:
        return (rate / (1 - beta1**t),)

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        m, u = memory
        (size,) = now
        m = m + (1 - beta1) * (g - m)
        u = of.maximum(beta2 * u, abs(g) + eps)
        return p - size * (m / u), (m, u)

    return Rule((0.0, 0.0), coefficients, update)


def nadam(
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    momentum_decay: float = 4e-3,
) -> Rule:
    """Return NAdam, with μ(t) = beta1·(1 - ½·0.96^(t·momentum_decay)) and Π = μ(1)⋯μ(t).

    m and v as Adam, d = √(v/(1-beta2^t)) + eps; then
    p ← p - lr·(1-μ(t))/(1-Π)·g/d - lr·μ(t+1)/(1-Π·μ(t+1))·m/d
    (Dozat, Incorporating Nesterov Momentum into Adam, 2016).
    """

    def coefficients(t: Any, rate: Any, _: Functions) -> Coefficients:
        now = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
        following = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        return rate * (1 - now), now, rate * following, following, 1 - beta2**t

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        m, v, product = memory
        by_gradient, share, by_mean, following, correction = now
        product = product * share
        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * (g * g)
        d = of.sqrt(v / correction) + eps
        by_gradient = by_gradient / (1 - product)
        by_mean = by_mean / (1 - product * following)
        return p - by_gradient * (g / d) - by_mean * (m / d), (m, v, product)

    return Rule((0.0, 0.0, 1.0), coefficients, update)


def radam(*, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Rule:
    """Return RAdam: Adam with lr times r, or lr·m̂ alone while the variance of v is unknown.

    With ρ∞ = 2/(1-beta2) - 1 and ρ = ρ∞ - 2t·beta2^t/(1-beta2^t), v counts once ρ > 5, and
    r = √((ρ-4)(ρ-2)ρ∞/((ρ∞-4)(ρ∞-2)ρ)). The eps is added to √v, before v is corrected (Liu, Jiang,
    He, Chen, Liu, Gao and Han, On the Variance of the Adaptive Learning Rate and Beyond, 2020).
    """
    longest = 2 / (1 - beta2) - 1
    is_ever_known = longest > 5  # no ρ is above that

    def coefficients(t: Any, rate: Any, of: Functions) -> Coefficients:
        size = rate / (1 - beta1**t)
        if not is_ever_known:
            return size, 0.0
        correction = 1 - beta2**t
        length = longest - 2 * t * beta2**t / correction
        known = of.maximum(length, 5.0)
        adapted = size * of.sqrt(
            (known - 4) * (known - 2) * longest / ((longest - 4) * (longest - 2) * known)
        )
        adapted = adapted * of.sqrt(correction)
        return of.where(length > 5, adapted, size), of.where(length > 5, 1.0, 0.0)

    def update(p: Any, g: Any, memory: Memory, now: Coefficients, of: Functions) -> Next:
        m, v = memory
        size, is_known = now
        m = m + (1 - beta1) * (g - m)
        v = beta2 * v + (1 - beta2) * (g * g)
        divisor = of.where(is_known > 0, of.sqrt(v) + eps, 1.0)
        return p - size * (m / divisor), (m, v)

    return Rule((0.0, 0.0), coefficients, update)


LIMITS = {
    "momentum": NOT_NEGATIVE,
    "dampening": UP_TO_ONE,
    "weight_decay": NOT_NEGATIVE,
    "nesterov": FLAG,
    "lr_decay": NOT_NEGATIVE,
    "initial_accumulator": NOT_NEGATIVE,
    "eps": NOT_NEGATIVE,
    "alpha": BELOW_ONE,
    "centered": FLAG,
    "rho": BELOW_ONE,
    "eta_minus": INSIDE_ONE,
    "eta_plus": Number("greater than 1", lambda value: value > 1),
    "step_min": NOT_NEGATIVE,
    "step_max": POSITIVE,
    "beta1": BELOW_ONE,
    "beta2": BELOW_ONE,
    "amsgrad": FLAG,
    "momentum_decay": NOT_NEGATIVE,
}
"""What the settings of the rules may be; their defaults stand in the rules."""


class Method(NamedTuple):
    """A first-order method by one of its names."""

    name: str
    rate: float
    """The learning rate when none is given."""
    rule: Callable[..., Rule]
    """Makes the rule from its settings, given by name."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings in their order."""
        defaults = self.rule.__kwdefaults__ or {}
        return tuple(Setting(name, value, LIMITS[name]) for name, value in defaults.items())


_ROWS = (
    Method("gd", 1e-3, gd),
    Method("sgd", 1e-3, gd),
    Method("adagrad", 1e-2, adagrad),
    Method("rmsprop", 1e-2, rmsprop),
    Method("adam", 1e-3, adam),
    Method("adamw", 1e-3, adamw),
    Method("adadelta", 1.0, adadelta),
    Method("adamax", 2e-3, adamax),
    Method("nadam", 2e-3, nadam),
    Method("radam", 1e-3, radam),
    Method("rprop", 1e-2, rprop),
)

METHODS = {method.name: method for method in _ROWS}
"""The first-order methods by the names that users give them; gd and sgd are the same."""
