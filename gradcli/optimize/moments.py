"""The rules that divide the mean of the gradients by the size of the gradients: Adam's family.

Each is the rule of torch.optim with the same name; see rules.py for the letters.
"""

from __future__ import annotations

import math
from typing import Any

from gradcli.optimize.rules import Functions, Memory, Rule, Update


def adam(*, beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool) -> Rule:
    """Return Adam: m ← m + (1-beta1)(g-m); v ← beta2·v + (1-beta2)·g²; p ← p - lr·m̂/(√v̂ + eps).

    Here m̂ = m/(1-beta1^t) and v̂ = v/(1-beta2^t) (Kingma and Ba, Adam, 2015). With amsgrad the
    largest v so far takes the place of v (Reddi, Kale and Kumar, On the Convergence of Adam and
    Beyond, 2018).
    """
    return _adam(beta1, beta2, eps, amsgrad, coupled=weight_decay, decoupled=0.0)


def adamw(*, beta1: float, beta2: float, eps: float, weight_decay: float, amsgrad: bool) -> Rule:
    """Return AdamW: p ← p·(1 - lr·weight_decay), then Adam without weight decay.

    Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """
    return _adam(beta1, beta2, eps, amsgrad, coupled=0.0, decoupled=weight_decay)


def _adam(
    beta1: float, beta2: float, eps: float, amsgrad: bool, *, coupled: float, decoupled: float
) -> Rule:
    """Return Adam with a weight decay that is part of the gradient, or one beside it."""

    def at(t: int, rate: float) -> Update:
        size = rate / (1 - beta1**t)
        correction = math.sqrt(1 - beta2**t)
        shrinking = 1 - rate * decoupled

        def update(p: Any, g: Any, memory: Memory, of: Functions) -> tuple[Any, Memory]:
            m, v, largest = memory
            if coupled:
                g = g + coupled * p
            if decoupled:
                p = p * shrinking
            m = m + (1 - beta1) * (g - m)
            v = beta2 * v + (1 - beta2) * (g * g)
            spread = v
            if amsgrad:
                spread = largest = of.maximum(largest, v)
            return p - size * (m / (of.sqrt(spread) / correction + eps)), (m, v, largest)

        return update

    return Rule((0.0, 0.0, 0.0), at)


def adamax(*, beta1: float, beta2: float, eps: float) -> Rule:
    """Return Adamax: m as Adam; u ← max(beta2·u, |g| + eps); p ← p - lr/(1-beta1^t)·m/u.

    Kingma and Ba, Adam, 2015, section 7.
    """

    def at(t: int, rate: float) -> Update:
        size = rate / (1 - beta1**t)

        def update(p: Any, g: Any, memory: Memory, of: Functions) -> tuple[Any, Memory]:
            m, u = memory
            m = m + (1 - beta1) * (g - m)
            u = of.maximum(beta2 * u, abs(g) + eps)
            return p - size * (m / u), (m, u)

        return update

    return Rule((0.0, 0.0), at)


def nadam(*, beta1: float, beta2: float, eps: float, momentum_decay: float) -> Rule:
    """Return NAdam, with μ(t) = beta1·(1 - ½·0.96^(t·momentum_decay)) and Π = μ(1)⋯μ(t).

    m and v as Adam, d = √(v/(1-beta2^t)) + eps; then
    p ← p - lr·(1-μ(t))/(1-Π)·g/d - lr·μ(t+1)/(1-Π·μ(t+1))·m/d
    (Dozat, Incorporating Nesterov Momentum into Adam, 2016).
    """

    def at(t: int, rate: float) -> Update:
        now = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
        following = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        correction = 1 - beta2**t

        def update(p: Any, g: Any, memory: Memory, of: Functions) -> tuple[Any, Memory]:
            m, v, product = memory
            product *= now
            m = m + (1 - beta1) * (g - m)
            v = beta2 * v + (1 - beta2) * (g * g)
            d = of.sqrt(v / correction) + eps
            by_gradient = rate * (1 - now) / (1 - product)
            by_mean = rate * following / (1 - product * following)
            return p - by_gradient * (g / d) - by_mean * (m / d), (m, v, product)

        return update

    return Rule((0.0, 0.0, 1.0), at)


def radam(*, beta1: float, beta2: float, eps: float) -> Rule:
    """Return RAdam: Adam with lr times r, or lr·m̂ alone while the variance of v is unknown.

    With ρ∞ = 2/(1-beta2) - 1 and ρ = ρ∞ - 2t·beta2^t/(1-beta2^t), v counts once ρ > 5, and
    r = √((ρ-4)(ρ-2)ρ∞/((ρ∞-4)(ρ∞-2)ρ)). The eps is added to √v, before v is corrected (Liu, Jiang,
    He, Chen, Liu, Gao and Han, On the Variance of the Adaptive Learning Rate and Beyond, 2020).
    """
    longest = 2 / (1 - beta2) - 1

    def at(t: int, rate: float) -> Update:
        size = rate / (1 - beta1**t)
        correction = 1 - beta2**t
        length = longest - 2 * t * beta2**t / correction
        is_known = length > 5
        if is_known:
            size *= math.sqrt(
                (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            )
            size *= math.sqrt(correction)

        def update(p: Any, g: Any, memory: Memory, of: Functions) -> tuple[Any, Memory]:
            m, v = memory
            m = m + (1 - beta1) * (g - m)
            v = beta2 * v + (1 - beta2) * (g * g)
            return p - size * (m / (of.sqrt(v) + eps) if is_known else m), (m, v)

        return update

    return Rule((0.0, 0.0), at)
