"""Words with values: NAME=VALUE, NAME=LOW:HIGH bounds, and an option such as adam(beta1=0.8)."""

from __future__ import annotations

from gradcli.errors import FormulaError, GradcliError, NameValueError, UsageError, printable
from gradcli.graph.literals import numeral
from gradcli.graph.operations import TABLE
from gradcli.language.names import fixed_meaning, is_name
from gradcli.language.origin import where
from gradcli.language.parser import parse
from gradcli.language.scanner import SCANNER
from gradcli.limits import out_of_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gradcli.graph.shapes import Shape
    from gradcli.language.parser import Parsed


class Binding:
    """A name and its value: a number, or a formula without free names that is yet to be run."""

    __slots__ = ("built", "error", "name", "number", "text")

    def __init__(
        self, name: str, text: str, number: float | None, built: Parsed | None = None
    ) -> None:
        self.error: Binding | None = None
        """The standard error of the value, x=1.0±0.1, as a value; None for one without."""
        self.name = name
        self.text = text
        self.number = number
        self.built = built
        """The value that is a formula; its `range` is set for start:stop:step, its `draws` lists
        the random arrays that it needs."""

    @property
    def shape(self) -> Shape | None:
        """The shape of a name that has no value, w=shape(3); None for a value."""
        if self.built is None or self.built.named_shape is None:
            return None
        return self.built.graph.shape(self.built.named_shape)

    @property
    def is_range(self) -> bool:
        """Whether the value is a range, over which the formula is to be tabulated."""
        if self.built is None:
            return False
        return self.built.range is not None or (
            self.built.graph.rows[self.built.root][0] is TABLE["linspace"]
        )


def is_number(text: str) -> bool:
    """Return whether a text is a number with or without a sign, which needs no parser."""
    return SCANNER.kind(text[1:] if text[:1] in {"+", "-"} else text) == "NUMBER"


def bindings(words: Iterable[str]) -> list[Binding]:
    """Return what each NAME=VALUE word binds.

    Raises NameValueError for a word of another form, a name that cannot be bound or is bound twice,
    and FormulaError for a value that cannot be read.
    """
    found: dict[str, Binding] = {}
    for word in words:
        one = binding(word)
        if one.name in found:
            message = f"{one.name} is given twice"
            raise NameValueError(message, hint=f"keep one {one.name}=…")
        found[one.name] = one
    return list(found.values())


def binding(word: str) -> Binding:
    """Return what one NAME=VALUE word binds. Raises as `bindings`."""
    name, equals, text = word.partition("=")
    shown = printable(word, 60)
    if not equals:
        message = f"'{shown}' is not of the form NAME=VALUE"
        hint = "put a formula with blanks in quotes, and values behind it as x=1"
        raise NameValueError(message, hint=hint)
    if not is_name(name):
        message = (
            f"'{printable(name, 60)}' in '{shown}' is not a name"
            if name
            else (f"the name before '=' is missing in '{shown}'")
        )
        hint = "a name has letters, digits and _, as in x1=2.5"
        stripped = name.strip(": ")
        raise NameValueError(
            message, hint=_repair(stripped, text.strip(), hint) if is_name(stripped) else hint
        )
    fixed = fixed_meaning(name)
    if fixed is not None:
        message = f"{name} is {fixed} and cannot be given a value"
        raise NameValueError(message, hint="use another name")
    if text.startswith("="):
        message = f"'{shown}' has two equals signs"
        raise NameValueError(message, hint=_repair(name, text[1:], "remove one of them"))
    if not text.strip():
        message = f"the value of {name} is empty"
        raise NameValueError(message, hint=f"write {name}=1")
    if "\n" in text:
        message = f"the value of {name} has a line break"
        raise NameValueError(message, hint="remove it")
    if not is_number(text) and any(mark in text for mark in SPECIAL):
        text, uncertain = _special(name, text)
        if uncertain is not None:
            return uncertain
    if is_number(text):
        value = numeral(text.removeprefix("+"))
        reason = out_of_range(text, value)
        if reason is not None:
            message = f"the value of {name} {reason}"
            raise NameValueError(message)
        return Binding(name, text, value)
    return _formula(name, text)


SPECIAL = ("±", "%", "+-", "+−", "+/", "(")
"""What stands in a value with an error, in a percentage, and in 2.5(3), which may be either."""


def _special(name: str, text: str) -> tuple[str, Binding | None]:
    """Return a value without its percent sign, or what a value with an error binds."""
    from gradcli.language import uncertain

    divided = uncertain.parts(name, text)
    if divided is None:
        uncertain.check_digits(name, text)
        return uncertain.percentage(text) or text, None
    found, error = [binding(f"{name}={part}") for part in divided]
    if found.is_range or found.shape is not None:
        message = f"{name} has no single value, so it has no error"
        hint = f"give it by --sigma-of {name}=0.1"
        raise NameValueError(message, source=text, span=(0, len(text)), hint=hint)
    found.text, found.error = text, error
    return text, found


def _repair(name: str, text: str, otherwise: str | None = None) -> str | None:
    """Return the words that suggest a value for a name, if it can be read as one."""
    from gradcli.language.repairs import LONGEST_SHOWN

    try:
        binding(f"{name}={text}")
    except GradcliError:
        return otherwise
    return f"write {name}={text}" if len(text) <= LONGEST_SHOWN else otherwise


def _formula(name: str, text: str) -> Binding:
    """Return the binding of a value that is a formula, such as pi/2 or 1/3."""
    try:
        built = parse(text, start="value")
    except FormulaError as error:
        error.message = f"in the value of {name}: {error.message}"
        if error.repairs:
            hints = [_repair(name, repair) for repair in error.repairs]
            error.hint = " or ".join(hint for hint in hints if hint) if all(hints) else None
            words = [f"{name}={repair}" for repair in error.repairs]
            error.repairs = () if error.hint is None else tuple(words)
        raise
    roots = built.range or [built.root]
    drawn = {draw[0] for draw in built.draws}
    free = {n: node for n, node in built.graph.variables(roots).items() if n not in drawn}
    if built.named_shape is not None:
        if built.range is not None or built.root != built.named_shape:
            message = (
                f"in the value of {name}: shape(…) says how large an array is, and has no value"
            )
            raise NameValueError(message, hint=f"write {name}=shape(3) alone, or {name}=ones(3)")
        return Binding(name, text, None, built)
    if free:
        other, node = next(iter(free.items()))
        if other in {"inf", "nan", "infinity", "Infinity", "NaN"}:
            message = f"the value of {name} must be a finite number, not {other}"
        else:
            message = f"the value of {name} uses the name {other}; a value has numbers only"
        raise NameValueError(message, **where(built.origin, node))
    if built.range is not None and any(built.graph.shape(node) for node in built.range):
        message = f"a limit of the range of {name} is an array"
        raise NameValueError(message, hint="write start:stop:step with numbers")
    return Binding(name, text, None, built)


def limits(words: Iterable[str]) -> list[tuple[str, Binding | None, Binding | None]]:
    """Return the names of NAME=LOW:HIGH words, and their bounds, None where there is no limit.

    A bound may be missing or infinite. Raises as `bindings`.
    """
    import re

    found: dict[str, tuple[str, Binding | None, Binding | None]] = {}
    for word in words:
        name, _, text = word.partition("=")
        low, colon, high = text.partition(":")
        if not colon or ":" in high:
            message = f"'{printable(word, 60)}' is not of the form NAME=LOW:HIGH"
            ends = re.fullmatch(r"\s*[\[(]?([^,:\[(]+)[,:]([^,:)\]]+)[\])]?\s*", text)
            hint = "for example a=0:1, or a=0: for one limit only"
            if ends and all(is_number(end.strip()) for end in ends.groups()):
                hint = f"write {name}={ends[1].strip()}:{ends[2].strip()}"
            limit = re.fullmatch(r"\s*(\w+)\s*([<>])=?\s*([^\s<>=]+)\s*", word)
            if limit and is_number(limit[3]):
                low, high = ("", limit[3]) if limit[2] == "<" else (limit[3], "")
                hint = f"write {limit[1]}={low}:{high}"
            raise NameValueError(message, hint=hint)
        if name in found:
            message = f"{printable(name, 60)} has bounds twice"
            raise NameValueError(message, hint=f"keep one {printable(name, 60)}=…:…")
        binding(f"{name}=0")  # the name, checked as that of a start
        found[name] = (name, _limit(name, low, "-inf"), _limit(name, high, "inf"))
    return list(found.values())


def _limit(name: str, text: str, infinite: str) -> Binding | None:
    return None if text.strip() in {"", infinite, "+" + infinite} else binding(f"{name}={text}")


# ---------------------------------------------------------------- options with settings


def choice(option: str, text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the name in `multistep([30, 60], gamma=0.5)`, its positional and its named settings.

    Raises UsageError, with the span, for a text of another form, a repeated setting, and a setting
    that is not made of numbers.
    """
    if not text.strip():
        message = f"{option} is empty"
        raise UsageError(message, hint="give a name, with settings in parentheses if need be")
    if "-" in text and text.replace("-", "_").isidentifier():
        return text, [], {}  # a name of another program, nelder-mead
    try:
        built = parse(text, start="choice")
    except FormulaError as error:
        message = f"in {option}: {error.message}"
        hint = error.hint or "write a name with its settings, such as adam(beta1=0.8)"
        raise UsageError(message, source=error.source, span=error.span, hint=hint) from None
    name, arguments = built.choice
    positional: list[Any] = []
    settings: dict[str, Any] = {}
    for argument in arguments:
        if isinstance(argument, int):
            positional.append(_number(option, built, argument))
            continue
        setting, node = argument
        if setting in settings:
            message = f"in {option}: {setting} is given twice"
            raise UsageError(message, hint=f"keep one {setting}=…")
        settings[setting] = _number(option, built, node)
    return name, positional, settings


def _number(option: str, built: Parsed, node: int) -> Any:
    """Return the number or the list of numbers at a node. Raises UsageError if it is neither."""
    operation, parts, _ = built.graph.rows[node]
    if operation is TABLE["array"]:
        return [_number(option, built, part) for part in parts]
    value = built.graph.fixed(node)
    if value is None or value - value != 0:
        message = f"in {option}: a setting must be a number"
        raise UsageError(message, **where(built.origin, node))
    return value
