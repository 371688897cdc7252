"""The rules that divide the mean of the gradients by the size of the gradients: Adam's family.

Each is the rule of torch.optim with the same name; see rules.py for the letters.
"""

from __future__ import annotations

from typing import Any

from gradcli.solvers.first_order.rules import Coefficients, Functions, Memory, Next, Rule


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
        spread = v
        if amsgrad:
            spread = largest = of.maximum(largest, v)
        return p - size * (m / (of.sqrt(spread) / correction + eps)), (m, v, largest)

    return Rule((0.0, 0.0, 0.0), coefficients, update)


def adamax(*, beta1: float, beta2: float, eps: float) -> Rule:
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


def nadam(*, beta1: float, beta2: float, eps: float, momentum_decay: float) -> Rule:
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


def radam(*, beta1: float, beta2: float, eps: float) -> Rule:
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
