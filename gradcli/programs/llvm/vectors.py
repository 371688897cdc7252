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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_DECLARATION = re.compile(r'declare double @"(\w+)"\(double[^,)]*(, double[^)]*)?\) .*')
_KINDS = {4: ("d", "avx2"), 8: ("e", "avx512f")}
"""By the number of doubles, how the library's names tell what a processor has, and LLVM's name."""


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
        arguments = 2 if found[2] else 1
        known = variants(found[1], arguments)
        kept.extend(vector for _, vector in known)
        return _declarations(found[1], arguments, known) if known else found[0]

    text = _DECLARATION.sub(declared, text)
    if kept:  # or LLVM would drop them before it vectorises
        names = ", ".join(f"ptr @{vector}" for vector in kept)
        kind = f"[{len(kept)} x ptr] [{names}]"
        text += f'\n@llvm.compiler.used = appending global {kind}, section "llvm.metadata"\n'
    return text


def _declarations(name: str, arguments: int, known: Sequence[tuple[int, str]]) -> str:
    """Return the declarations of a function for one double, and of those for several."""
    lines = []
    for width, vector in known:
        given = ", ".join([f"<{width} x double>"] * arguments)
        lines.append(f"declare <{width} x double> @{vector}({given})")
    letters = "v" * arguments
    said = ",".join(f"_ZGV_LLVM_N{width}{letters}_{name}({vector})" for width, vector in known)
    given = ", ".join(["double"] * arguments)
    # LLVM looks for the others only where it may know the function: it must not be `nobuiltin`.
    effects = "nounwind willreturn memory(none)"
    variant = f'"vector-function-abi-variant"="{said}"'
    lines.append(f'declare double @"{name}"({given}) {effects} {variant}')
    return "\n".join(lines)


def processor() -> dict[str, bool]:
    """Return what this processor has, by LLVM's names."""
    from llvmlite import binding

    return dict(binding.get_host_cpu_features())


@cache
def variants(name: str, arguments: int) -> list[tuple[int, str]]:
    """Return the vector functions of the library for a function of the C library, by width."""
    found = []
    features = processor()
    for width, (letter, feature) in _KINDS.items():
        vector = f"_ZGV{letter}N{width}{'v' * arguments}_{name}"
        if features.get(feature) and hasattr(library(), vector):
            found.append((width, vector))
    return found
