"""Options as records: each is written once, with its flags, values, default, help and group.

A class of options has a record as each of its attributes; of an object of that class the attribute
is the value, the default where none was given. Commands and functions of the Python API take such
objects.
"""

from __future__ import annotations

from gradcli.errors import UsageError, enumerated, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any, Generic, TypeVar

    from typing_extensions import Self

    T = TypeVar("T")

    class _Of(Generic[T]):
        pass

else:  # a plain command starts without `typing`
    T = None

    class _Of:
        def __class_getitem__(cls, _: None) -> type:
            return cls


# ---------------------------------------------------------------- what an option is called

_flags: dict[str, str] = {}


def speak_of(options: type[Options] | None) -> None:
    """Let messages name options by the flags of these; None names them by their keywords."""
    _flags.clear()
    if options is not None:
        _flags.update((field, option.name) for field, option in options.records().items())


def spelled(field: str) -> str:
    """Return what the user calls an option: rate in Python, --lr on the command line."""
    return _flags.get(field, field)


def example(field: str, value: object) -> str:
    """Return an option as the user may write it: lr=0.1 or --lr 0.1; N stands for a number."""
    if isinstance(value, float):
        from gradcli.graph.literals import number_text

        value = number_text(value)
    elif field not in _flags and value != "N":
        value = repr(value)
    if field not in _flags:
        return f"{field}={value}"
    from shlex import quote

    return f"{_flags[field]} {quote(str(value))}"


def check_keywords(names: Collection[str]) -> None:
    """Raise UsageError for a keyword that is an option under the name of another program."""
    for name in names:
        if name in FOREIGN_OPTIONS and len(name) > 3:  # shorter ones are names of parameters
            message = f"there is no option {name}"
            raise UsageError(message, hint=f"did you mean {FOREIGN_OPTIONS[name]}?")


def named(table: str) -> dict[str, str]:
    """Return what each name means; a line of the table is `meaning: name name …`."""
    lines = (line.rpartition(": ") for line in table.strip().split("\n"))
    return {name: own for own, _, names in lines for name in names.split()}


FOREIGN_OPTIONS = named("""
lr: rate learning_rate learningrate eta step_size stepsize
method: optimizer optimiser solver algorithm minimizer
steps: max_iter maxiter max_iterations iterations iters n_iter niter num_steps max_steps maxfev
tol: tolerance ftol xtol gtol eps epsilon abstol reltol
fix: fixed freeze frozen const vary
bounds: bound limits limit
subject_to: constraint constraints st subject
starts: restarts n_starts multistart
seconds: timeout time max_time time_limit maxtime
schedule: scheduler lr_scheduler decay
batch: batch_size batchsize bs minibatch
epochs: n_epochs num_epochs epoch
validate: validation val valid test
maximize: maximise max
seed: random_state random_seed rng
loss: robust loss_function
weights: weight w
sigma: yerr stddev std sd errorbars
confidence: level ci confidence_level
data: file input csv dataset dataframe df table using
header: names columns
separator: sep delimiter fs
skip_lines: skiprows skip_header
missing: na na_values nan
wrt: var vars variable variables with_respect_to respect_to
hessian: order second second_order
digits: precision prec accuracy scale sig significant dps
fixed: decimals places
predictions: predict predicted fitted residuals
trace: verbose debug
plot: chart figure
allow_nonfinite: allow_nan allow_inf
""")
"""The options by their flags, without dashes, and what other programs call them."""

# ---------------------------------------------------------------- values


class Text:
    """Any text, and in Python any value."""

    words = ""
    """What a value must be, to follow "must be"."""

    def __init__(self, sample: Any = None) -> None:
        self.sample = sample
        """A value for repairs in messages."""

    def value(self, value: Any) -> Any:
        """Return a value of Python as it is wanted; raise ValueError for one that is not."""
        return value

    def read(self, field: str, text: str) -> Any:  # noqa: ARG002
        """Return the value of a text. Raises UsageError."""
        return text

    def joined(self, field: str, values: Sequence[Any]) -> Any:  # noqa: ARG002
        """Return the value of an option that is repeated. Raises UsageError."""
        return values

    def checked(self, field: str, value: Any, shown: object = None) -> Any:
        """Return a value as it is wanted. Raises UsageError, in which it is `shown` so."""
        try:
            return self.value(value)
        except ValueError:
            shown = value if shown is None else shown
            raise self._error(field, shown, self.words) from None

    def _error(self, field: str, shown: object, words: str) -> UsageError:
        message = f"{spelled(field)} must be {words}, not {shown}"
        return UsageError(message, hint=f"for example {example(field, self.sample)}")


class Filled(Text):
    """Any text but an empty one."""

    def read(self, field: str, text: str) -> str:
        """Return the text. Raises UsageError."""
        if not text:
            message = f"{spelled(field)} is empty"
            raise UsageError(message)
        return text


class Number(Text):
    """A finite number within limits; `words` say which."""

    def __init__(self, words: str, allowed: Callable[[float], bool], sample: float = 0.1) -> None:
        super().__init__(sample)
        self.words = words
        self._allowed = allowed

    def value(self, value: Any) -> float:
        """Return a number; raise ValueError for one that is not allowed."""
        if isinstance(value, int | float) and value - value == 0 and self._allowed(value):
            return float(value)
        raise ValueError

    def read(self, field: str, text: str) -> float:
        """Return the number of a text. Raises UsageError."""
        from gradcli.language.bindings import is_number
        from gradcli.limits import out_of_range

        if not is_number(text):
            raise self._error(field, f"'{printable(text, 60)}'", "a number")
        value = float(text)
        reason = out_of_range(text, value)
        if reason is not None:
            raise UsageError(f"{spelled(field)} {reason}")
        return float(self.checked(field, value, printable(text, 60)))


POSITIVE = Number("greater than 0", lambda value: value > 0)
NOT_NEGATIVE = Number("at least 0", lambda value: value >= 0, 1e-8)
SHARE = Number("between 0 and 1", lambda value: 0 < value < 1, 0.95)


class Whole(Number):
    """A whole number within limits."""

    def __init__(self, least: int, most: int = 10**18) -> None:
        limits = f"of at least {least}" if most == 10**18 else f"from {least} to {most}"
        super().__init__(
            f"a whole number {limits}",
            lambda value: least <= value <= most and value == int(value),
            max(least, min(10, most)),
        )

    def value(self, value: Any) -> int:
        """Return a whole number; raise ValueError for one that is not allowed."""
        return int(super().value(value))

    def read(self, field: str, text: str) -> int:
        """Return the whole number of a text. Raises UsageError."""
        is_plain = text.isascii() and text.isdecimal() and len(text) <= 19
        return int(self.checked(field, int(text) if is_plain else None, f"'{printable(text, 60)}'"))


def table(path: str) -> Callable[[], Collection[str]]:
    """Return what loads a table of words, or calls what makes it, when they are asked for.

    Its path is that in the package: solvers.losses.LOSSES.
    """

    def load() -> Collection[str]:
        from importlib import import_module

        module, _, name = path.rpartition(".")
        found: Any = getattr(import_module(f"gradcli.{module}"), name)
        words: Collection[str] = found() if callable(found) else found
        return words

    return load


class OneOf(Text):
    """One of the words of a table."""

    def __init__(self, table: Callable[[], Collection[str]], sample: Any = None) -> None:
        super().__init__(sample)
        self.table = table
        """Loads the words."""

    def read(self, field: str, text: str) -> str:
        """Return the word. Raises UsageError."""
        check_word(field, text, self.table())
        return text

    def checked(self, field: str, value: Any, _: object = None) -> Any:
        """Return the word. Raises UsageError."""
        return self.read(field, value)


def check_word(field: str, word: Any, table: Collection[str]) -> None:
    """Raise UsageError for an option whose value is none of the words of a table."""
    if word not in table:
        from gradcli.language.names import suggestion

        shown = printable(str(word), 60)
        message = f"{spelled(field)} must be one of {', '.join(table)}, not '{shown}'"
        close = suggestion(str(word), table)
        raise UsageError(message, hint=f"did you mean {close}?" if close else None)


# ---------------------------------------------------------------- records


class Option(_Of[T]):
    """An option: how it is typed, read, checked and explained."""

    field = ""
    """Its name in Python."""
    group = ""
    """What it is shown under in help."""

    def __init__(
        self,
        flags: str,
        default: T,
        help_: str,
        values: Text | None,
        metavar: str = "",
        *,
        many: bool = False,
        needs: Sequence[str] = (),
        complete: Callable[[], Collection[str]] | None = None,
        words: Callable[[], Collection[str]] | None = None,
        identifies: bool = False,
        file: str = "",
    ) -> None:
        """Write the record; `flags` are separated by blanks, the one of messages last.

        An option without `values` is a flag; one of `many` may be repeated. It `needs` one of some
        other options. `complete` loads the words that a shell proposes, and `words` those that
        stand in help in place of {words}, where they are others. A run that it `identifies` cannot
        be continued with another value. Its value may be a `file`, or the files, to "read" or to
        "write".
        """
        self.flags = flags.split()
        self.name = self.flags[-1]
        self.default = default
        self._help = help_
        self.values = values
        self.metavar = metavar
        self.many = many
        self.needs = needs
        self.complete = values.table if type(values) is OneOf else complete
        self.words = words or (values.table if isinstance(values, OneOf) else complete)
        self.identifies = identifies
        self.file = file

    def __set_name__(self, owner: type[Options], field: str) -> None:
        """Take the name of the attribute and the group of the class."""
        self.field = field
        self.group = owner.group
        self.needs = self.needs or vars(owner).get("needs", ())

    def __get__(self, values: Options, _: type[Options]) -> T:
        """Return the value where none was given."""
        return self.default

    @property
    def help(self) -> str:
        """A sentence about it."""
        if self.words is None or "{words}" not in self._help:
            return self._help
        return self._help.replace("{words}", enumerated(self.words(), "or"))

    def read(self, typed: Any) -> Any:
        """Return the value of what was typed. Raises UsageError."""
        if self.values is None:
            return typed
        if self.many:
            values = [self.values.read(self.field, text) for text in typed]
            return self.values.joined(self.field, values)
        return self.values.read(self.field, typed)


class Options:
    """Values of options: those given, and the defaults of the others."""

    group = ""
    """What these options are shown under in help."""
    needs: Sequence[str] = ()
    """The options of which one must be given for these to mean anything."""

    def __init__(self, **values: Any) -> None:
        """Take values by field; None stands for the default. Raises UsageError."""
        records = self.records()
        for field, value in values.items():
            if not hasattr(self, field):
                own = FOREIGN_OPTIONS.get(field)
                message = f"there is no option {field}" + (f"; did you mean {own}?" if own else "")
                raise TypeError(message)
            kind = records[field].values if field in records else None
            if value is not None:
                self.__dict__[field] = value if kind is None else kind.checked(field, value)

    @classmethod
    def records(cls) -> dict[str, Option[Any]]:
        """Return the records by field, first those of the class itself."""
        return {
            field: option
            for owner in cls.__mro__
            for field, option in vars(owner).items()
            if isinstance(option, Option)
        }

    @classmethod
    def among(cls, keywords: Mapping[str, Any]) -> Self:
        """Return the values that are among the keywords of a function. Raises UsageError."""
        return cls(**{name: value for name, value in keywords.items() if hasattr(cls, name)})

    @classmethod
    def typed(cls, fields: Mapping[str, Any]) -> Self:
        """Return the values of texts by field. Raises UsageError.

        An option that belongs to others is an error where none of them is given.
        """
        records = cls.records()
        found = cls()
        found.__dict__.update((field, records[field].read(text)) for field, text in fields.items())
        for field in fields:
            needs = records[field].needs
            if needs and not any(other in fields for other in needs):
                message = f"{spelled(field)} belongs to {spelled(needs[0])}"
                raise UsageError(message, hint=_together(records, needs[0], field, fields[field]))
        return found

    def has(self, field: str) -> bool:
        """Return whether a value was given."""
        return field in self.__dict__

    def given(self, *fields: str) -> list[str]:
        """Return which of these options are not as they are without being given."""
        known = self.records()
        return [field for field in fields if getattr(self, field) != known[field].default]

    def files(self) -> list[tuple[str, str, str]]:
        """Return of each file that is named its use ("read" or "write"), option and path."""
        found = []
        for field, option in self.records().items():
            value = getattr(self, field) if option.file else None
            paths = value if option.many else [] if value is None else [value]
            found += [(option.file, option.name, path) for path in paths or ()]
        return found

    def identity(self) -> dict[str, Any]:
        """Return the values that must be the same for a run to be continued, by flag."""
        records = self.records().items()
        same = {field: option for field, option in records if option.identifies}
        return {option.name[2:]: getattr(self, field) for field, option in same.items()}

    def replaced(self, **values: Any) -> Self:
        """Return these options with other values."""
        found = type(self)()
        found.__dict__.update(self.__dict__, **values)
        return found


def _together(records: Mapping[str, Option[Any]], needed: str, field: str, typed: Any) -> str:
    """Return two options as they may be typed."""
    from shlex import quote

    other, own = records[needed].values, spelled(field)
    first = example(needed, None if other is None else other.sample)
    if typed is True:
        return f"for example {first} {own}"
    shown = typed if isinstance(typed, str) else typed[0]
    return f"for example {first} {own} {quote(printable(shown, 60))}"


def text(
    flags: str, help_: str, metavar: str, values: Text | None = None, **more: Any
) -> Option[str | None]:
    """Return an option that takes a text."""
    return Option(flags, None, help_, values or Text(), metavar, **more)


def texts(
    flags: str, help_: str, metavar: str, values: Text | None = None, **more: Any
) -> Option[Sequence[str]]:
    """Return an option that takes a text and may be repeated."""
    return Option(flags, (), help_, values or Text(), metavar, many=True, **more)


def whole(
    flags: str, help_: str, least: int = 1, most: int = 10**18, metavar: str = "N", **more: Any
) -> Option[int | None]:
    """Return an option that takes a whole number."""
    return Option(flags, None, help_, Whole(least, most), metavar, **more)


def number(
    flags: str, help_: str, metavar: str, values: Number, **more: Any
) -> Option[float | None]:
    """Return an option that takes a number."""
    return Option(flags, None, help_, values, metavar, **more)


def numbers(flags: str, help_: str, metavar: str, values: Number) -> Option[Sequence[Any]]:
    """Return an option that takes a number and may be repeated."""
    return Option(flags, (), help_, values, metavar, many=True)


def flag(flags: str, help_: str, **more: Any) -> Option[bool]:
    """Return an option without a value."""
    return Option(flags, False, help_, None, **more)


def one_of(
    flags: str, help_: str, metavar: str, words: Callable[[], Collection[str]], default: T
) -> Option[T]:
    """Return an option that takes a word of a table."""
    return Option(flags, default, help_, OneOf(words), metavar)
