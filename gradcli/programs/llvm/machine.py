"""The engine that makes machine code with LLVM: IR modules to machine code, and this as functions.

Nothing of LLVM is imported before it is called.
"""

from __future__ import annotations

import ctypes
import re
import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcli.errors import UsageError
from gradcli.graph.bodies import EXACT, LEAVES
from gradcli.options import example

if TYPE_CHECKING:
    from gradcli.programs.program import Program

_MODULES = {"function": "emitter", "runner": "emitter", "sums": "rows", "filling": "rows"}
"""The modules beside this one that have the other functions of a Compiler."""
INTRINSICS = EXACT - {"fmod"} | {"fabs"}
"""The functions that LLVM knows; they are exact, or rounded correctly."""
LIBRARY = LEAVES.keys() - INTRINSICS
"""The functions of the C library that are called."""
OLDEST = (0, 45)
"""The llvmlite with the optimiser that is used here, and LLVM 20."""
_MATHEMATICS = {"win32": "ucrtbase.dll", "darwin": "libSystem.dylib"}
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


def __getattr__(name: str) -> Any:
    """Return a function of a Compiler."""
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"gradcli.programs.llvm.{_MODULES[name]}"), name)


def obstacle(*programs: Program) -> str | None:
    """Return why the programs cannot be machine code, None if they can."""
    if not is_available():
        return "llvmlite is not installed"
    if any(program.has_arrays for program in programs):
        return "the formula has arrays"
    operations = [step.operation for program in programs for step in program.instructions]
    if any(operation.binds for operation in operations):
        return "the formula has an integral, a root, or a sum or product over a bound name"
    called = next((operation for operation in operations if operation.library), None)
    if called is not None:
        return f"{called.name} has no machine code"
    # LLVM ends the process where one is missing.
    return None if all(map(has, LIBRARY)) else "the C library lacks a function"


def require() -> None:
    """Raise UsageError unless llvmlite can be used."""
    if not is_available():
        oldest = ".".join(map(str, OLDEST))
        native = example("engine", "native")
        message = f"{native} needs llvmlite {oldest} or later, which is not installed"
        raise UsageError(message, hint="pip install 'gradcli[native]'")


@cache
def mathematics() -> ctypes.CDLL:
    """Return the C library of mathematical functions, the one behind Python's math module."""
    try:
        return ctypes.CDLL(_MATHEMATICS.get(sys.platform, "libm.so.6"))
    except OSError:
        return ctypes.CDLL(None)


@cache
def has(name: str) -> bool:
    """Return whether the C library has a mathematical function."""
    return hasattr(mathematics(), name)


def compiled(text: str, *types: Any, is_vectorised: bool = False) -> Any:
    """Return the function `run` of a module of LLVM's assembly language.

    `types` are those of ctypes, of its result and of its arguments.

    Loops over rows are optimised with -O3, vectors and all; for code without such loops a few
    passes do as well, and much sooner. Numbers come out as written: nothing is contracted,
    reassociated or approximated unless the text allows it. ctypes gives up the GIL while it runs.
    """
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    # Each engine takes a target for its own: exactly this processor, with all it has.
    target = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        jit=True,
    )
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
    made = ctypes.CFUNCTYPE(*types)(engine.get_function_address("run"))
    made.engine = engine  # type: ignore[attr-defined] # the code is there as long as this is
    return made


# ---------------------------------------------------------------- functions of several doubles

# Those of glibc on x86-64: a declaration says which function of its library `libmvec` computes the
# same for 4 or 8 doubles, and LLVM calls that one where it vectorises a loop. Its results differ
# from those of the functions for one double by up to 4 units in the last place. On other systems a
# loop calls the latter.
_DECLARATION = re.compile(r'declare double @"(\w+)"\(double[^,)]*(, double[^)]*)?\) .*')
_KINDS = {4: ("d", "avx2"), 8: ("e", "avx512f")}
"""By the number of doubles, how the library's names tell what a processor has, and LLVM's name."""


@cache
def library() -> Any:
    """Return the library of vector functions; None where there is none."""
    import platform

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
        name, arguments = found[1], 2 if found[2] else 1
        known = variants(name, arguments)
        if not known:
            return found[0]
        kept.extend(vector for _, vector in known)
        lines, mapped, types = [], [], ", ".join(["double"] * arguments)
        for width, vector in known:
            several = f"<{width} x double>"
            lines.append(f"declare {several} @{vector}({types.replace('double', several)})")
            mapped.append(f"_ZGV_LLVM_N{width}{'v' * arguments}_{name}({vector})")
        # LLVM looks for them only where it may know the function: it must not be `nobuiltin`.
        effects = "nounwind willreturn memory(none)"
        variant = f'"vector-function-abi-variant"="{",".join(mapped)}"'
        return "\n".join([*lines, f'declare double @"{name}"({types}) {effects} {variant}'])

    text = _DECLARATION.sub(declared, text)
    if kept:  # or LLVM would drop them before it vectorises
        names = ", ".join(f"ptr @{vector}" for vector in kept)
        kind = f"[{len(kept)} x ptr] [{names}]"
        text += f'\n@llvm.compiler.used = appending global {kind}, section "llvm.metadata"\n'
    return text


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
