"""LLVM on this machine: IR modules to machine code, and the machine code as functions."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from gradcli.errors import UsageError
from gradcli.options import example

if TYPE_CHECKING:
    from collections.abc import Sequence

OLDEST = (0, 45)
"""The llvmlite with the optimiser that is used here, and LLVM 20."""
_MATHEMATICS = {
    "win32": ("ucrtbase.dll",),
    "darwin": ("libSystem.dylib",),
}
"""The libraries that Python's math module calls; on Linux glibc's, or whatever there is."""


@cache
def is_available() -> bool:
    """Return whether an llvmlite is installed that is new enough, and can be loaded."""
    try:
        import llvmlite

        major, minor, *_ = llvmlite.__version__.split(".")
        if (int(major), int(minor)) < OLDEST:
            return False
        import llvmlite.binding  # whoever asks is about to use it
    except (ImportError, OSError, AttributeError, ValueError):
        return False  # a broken installation counts as none
    return True


def require() -> None:
    """Raise UsageError unless llvmlite can be used."""
    if not is_available():
        oldest = ".".join(map(str, OLDEST))
        native = example("engine", "native")
        message = f"{native} needs llvmlite {oldest} or later, which is not installed"
        raise UsageError(message, hint="pip install 'gradcli[native]'")


@cache
def _binding() -> Any:
    """Return the module llvmlite.binding, ready to make code for this processor."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


def _target(binding: Any) -> Any:
    """Return a new target machine: exactly this processor, with all it has."""
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        jit=True,
    )


@cache
def mathematics() -> ctypes.CDLL:
    """Return the C library of mathematical functions, the one behind Python's math module."""
    for name in _MATHEMATICS.get(sys.platform, ("libm.so.6",)):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return ctypes.CDLL(None)


@cache
def has(name: str) -> bool:
    """Return whether the C library has a mathematical function."""
    return hasattr(mathematics(), name)


@cache
def has_all(names: tuple[str, ...]) -> bool:
    """Return whether the C library has all these functions; LLVM does not forgive one."""
    return all(map(has, names))


class Code:
    """Machine code; it is there as long as this object is."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def function(self, name: str, arguments: Sequence[Any], result: Any = None) -> Any:
        """Return a function of the code, which also keeps the code.

        `arguments` and `result` are their ctypes. ctypes gives up the GIL while it runs.
        """
        made = ctypes.CFUNCTYPE(result, *arguments)(self.address(name))
        made.code = self  # type: ignore[attr-defined]
        return made

    def address(self, name: str) -> int:
        """Return where a function is."""
        return int(self._engine.get_function_address(name))


def compiled(text: str, *, is_vectorised: bool = False) -> Code:
    """Return the machine code of a module of LLVM's assembly language.

    Loops over rows are optimised with -O3, vectors and all; for code without such loops a few
    passes do as well, and much sooner. Numbers come out as written: nothing is contracted,
    reassociated or approximated unless the text allows it.
    """
    binding = _binding()
    target = _target(binding)  # each engine takes one for its own
    module = binding.parse_assembly(text)
    module.triple = binding.get_process_triple()
    module.data_layout = str(target.target_data)
    module.verify()
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = is_vectorised
    options.slp_vectorization = is_vectorised
    builder = binding.create_pass_builder(target, options)
    if is_vectorised:
        passes = builder.getModulePassManager()
    else:
        passes = binding.create_new_module_pass_manager()
        passes.add_sroa_pass()  # makes registers of what changes
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    for function in module.functions:
        if function.is_declaration and has(function.name):
            address = ctypes.cast(getattr(mathematics(), function.name), ctypes.c_void_p).value
            binding.add_symbol(function.name, address)
    engine = binding.create_mcjit_compiler(module, target)
    engine.finalize_object()
    return Code(engine)
