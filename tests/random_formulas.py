"""Random formulas as text: of x, y and z for Hypothesis, and of names of all kinds from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SIGNS = st.sampled_from(["+", "-", "*", "/", "^"])
LEAVES = st.sampled_from(["x", "y", "z", "2", "0.5", "pi", "1e-3"])
FUNCTIONS = ("sin", "exp", "log", "sqrt", "tanh", "abs", "relu", "gelu", "sigmoid", "floor")
"""Of one number; each is smooth, undefined somewhere, or has kinks or steps."""
EXPONENTS = ("2", "3", "4", "-1", "0.5", "0")


def texts(
    functions: Sequence[str], of_two: Sequence[str], exponents: Sequence[str] = ()
) -> st.SearchStrategy[str]:
    """Formulas with these functions besides the usual ones, those of two numbers and exponents."""
    one = st.sampled_from([*FUNCTIONS, *functions])
    two = st.sampled_from(of_two)
    powers = st.sampled_from([*EXPONENTS, *exponents])

    def longer(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return (
            st.builds("({}) {} ({})".format, parts, SIGNS, parts)
            | st.builds("{}({})".format, one, parts)
            | st.builds("{}({}, {})".format, two, parts, parts)
            | st.builds("where({} < {}, {}, {})".format, parts, parts, parts, parts)
            | st.builds("({})^{}".format, parts, powers)
        )

    return st.recursive(LEAVES, longer, max_leaves=12)


SMOOTH = ("sin", "cos", "exp", "log", "sqrt", "tanh", "atan", "sigmoid", "softplus", "sinh")
SELDOM = ("tan", "erf", "gelu", "silu", "abs", "relu", "asinh", "log1p", "lgamma", "cbrt", "floor")
OVER_ARRAYS = ("sum", "mean", "prod", "var", "std", "norm", "max", "min", "logsumexp")
LENGTH = 3


class Drawn:
    """A formula of 1 to 4 names: sums and products above all, definitions, functions, arrays.

    `shapes` has the names that are arrays.
    """

    def __init__(self, random: Random, *, arrays: bool) -> None:
        self.random = random
        self.arrays = arrays
        self.numbers = random.sample(["x", "y", "a", "b"], random.randint(1, 3 + (not arrays)))
        self.shapes: dict[str, tuple[int, ...]] = {}
        if arrays and random.random() < 0.4:
            self.shapes["w"] = (LENGTH,)
        self.vectors = list(self.shapes)
        self.functions: list[str] = []
        self.source = self._whole()

    def _whole(self) -> str:
        random, lines = self.random, []
        if random.random() < 0.3:
            self.numbers.append("t")
            lines.append(f"f(t) = {self.number(2)} + t*{self.number(1)}")
            self.numbers.remove("t")
            self.functions.append("f")
        if random.random() < 0.4:
            lines.append(f"u = {self.number(2)}")
            self.numbers.append("u")
        if self.arrays and random.random() < 0.4:
            lines.append(f"v = {self.vector(2)}")
            self.vectors.append("v")
        last = self.number(3)
        # A definition that nothing uses is an error.
        for line in lines:
            name = line[0]
            used = f"f({self.number(1)})" if name == "f" else "v[1]" if name == "v" else "u"
            last = f"{last} {random.choice('+-*')} {used}"
        return "; ".join([*lines, last])

    def number(self, depth: int) -> str:
        """A part that is a number."""
        random = self.random
        kind = random.random()
        if depth <= 0 or kind < 0.2:
            typed = random.choice(["2", "0.5", "3", "-1", "pi"])
            return random.choice([*self.numbers * 3, typed])
        one, two = self.number(depth - 1), self.number(depth - 1)
        if kind < 0.5:
            return f"{one} {random.choice('++-')} {two}"
        if kind < 0.65:
            return f"({one})*({two})" if random.random() < 0.7 else f"({one})/({two})"
        if kind < 0.73:
            return f"({one})^{random.choice(['2', '3', '-1', '(-2)', '0.5', f'({two})'])}"
        if kind < 0.78:
            low, high = self.number(0), self.number(0)
            return f"where({low} {random.choice('<>')} {high}, {one}, {two})"
        if kind < 0.81:
            return f"{random.choice(['max', 'min', 'hypot', 'atan2'])}({one}, {two})"
        if self.functions and kind < 0.86:
            return f"{random.choice(self.functions)}({one})"
        if self.arrays and kind < 0.96:
            return self._reduced(depth - 1)
        name = random.choice(SMOOTH if random.random() < 0.7 else SELDOM)
        return f"{name}({one})"

    def _reduced(self, depth: int) -> str:
        random = self.random
        kind = random.random()
        one = self.vector(depth)
        if kind < 0.5:
            return f"{random.choice(OVER_ARRAYS)}({one})"
        if kind < 0.7:
            return f"({one})[{random.randrange(LENGTH)}]"
        other = self.vector(depth - 1)
        if kind < 0.85:
            return f"({one}) @ ({other})"
        axis = random.randrange(2)
        matrix = f"[{one}, {other}]"
        kinds = [
            f"sum({matrix} @ {self.vector(0)})",
            f"sum({random.choice(('mean', 'prod', 'var', 'sum'))}({matrix}, axis={axis})^2)",
            f"mean({matrix}.T[1:, 0])",
        ]
        return random.choice(kinds)

    def vector(self, depth: int) -> str:
        """A part that is an array of three numbers."""
        random = self.random
        kind = random.random()
        if depth <= 0 or kind < 0.35:
            if self.vectors and random.random() < 0.5:
                return random.choice(self.vectors)
            return f"[{', '.join(self.number(depth - 2) for _ in range(LENGTH))}]"
        one = self.vector(depth - 1)
        if kind < 0.6:
            return f"({one}) {random.choice('+-*')} ({self.vector(depth - 1)})"
        if kind < 0.75:
            return f"({self.number(depth - 1)})*({one})"
        if kind < 0.85:
            return f"{random.choice(('cumsum', 'softmax', 'exp', 'tanh', 'sin'))}({one})"
        if kind < 0.93:
            return f"where({one} > {self.number(0)}, {self.vector(depth - 1)}, {one})"
        return f"({one})[::-1]"
