"""Mathematical functions of several doubles at once: those of glibc on x86-64.

A declaration says which function of the library `libmvec` computes the same for 4 or 8 doubles, and
LLVM calls that one where it vectorises a loop. Its results differ from those of the functions for
one double by up to 4 units in the last place. On other systems a loop calls the latter.
"""

from __future__ import annotations

import ctypes
import platform
import re
from functools import cache
from typing import Any

_DECLARATION = re.compile(r'declare double @"(\w+)"\(double[^,)]*(, double[^)]*)?\) .*')
_LETTERS = {4: "d", 8: "e"}
"""How the names of the library tell AVX2 and AVX-512."""


@cache
def library() -> Any:
    """Return the library of vector functions; None where there is none."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return None
    try:
        return ctypes.CDLL("libmvec.so.1")
    except OSError:
        return None


def vectorised(text: str) -> str:
    """Return a module in which the functions of the C library are known for several doubles.

    The text is that of a module made with llvmlite.
    """
    if library() is None:
        return text
    from llvmlite import binding

    binding.load_library_permanently("libmvec.so.1")
    kept: list[str] = []

    def declared(found: re.Match[str]) -> str:
        name, second = found[1], found[2]
        variants = _variants(name, 2 if second else 1)
        if not variants:
            return found[0]
        lines = []
        for width, vector in variants:
            argument = f"<{width} x double>"
            given = ", ".join([argument] * (2 if second else 1))
            lines.append(f"declare {argument} @{vector}({given})")
            kept.append(f"ptr @{vector}")
        known = ",".join(
            f"_ZGV_LLVM_N{width}{'vv' if second else 'v'}_{name}({vector})"
            for width, vector in variants
        )
        given = ", ".join(["double"] * (2 if second else 1))
        # LLVM asks for a variant only of functions that it may know; `nobuiltin` forbids it.
        effects = "nounwind willreturn memory(none)"
        variant = f'"vector-function-abi-variant"="{known}"'
        lines.append(f'declare double @"{name}"({given}) {effects} {variant}')
        return "\n".join(lines)

    text = _DECLARATION.sub(declared, text)
    if kept:
        text += (
            f"\n@llvm.compiler.used = appending global [{len(kept)} x ptr] "
            f'[{", ".join(kept)}], section "llvm.metadata"\n'
        )
    return text


@cache
def _variants(name: str, arguments: int) -> list[tuple[int, str]]:
    """Return the vector functions of the library for a function of the C library, by width."""
    found = []
    for width, letter in _LETTERS.items():
        vector = f"_ZGV{letter}N{width}{'v' * arguments}_{name}"
        if hasattr(library(), vector):
            found.append((width, vector))
    return found
