"""The options of the commands, each written once; help shows them in these groups."""

from __future__ import annotations

from gradcli.errors import UsageError, enumerated, printable
from gradcli.exact.decimals import MOST_DIGITS
from gradcli.language.bindings import is_number
from gradcli.language.names import is_free, is_name
from gradcli.minimize.settings import Random, Settings
from gradcli.options import (
    POSITIVE,
    SHARE,
    Filled,
    Number,
    OneOf,
    Option,
    Options,
    Text,
    Whole,
    example,
    flag,
    number,
    numbers,
    one_of,
    spelled,
    table,
    text,
    texts,
    whole,
)
from gradcli.point import MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

MEMORY_OF_MANY = 1024
"""Megabytes of --data that are held to learn in batches from, and by each worker, unless said."""
MOST_SAMPLES = 100_000_000
"""Draws of --samples; so many take some minutes."""


def _of_pictures(words: str) -> Callable[[], Collection[str]]:
    """Return what loads a table of words about pictures."""
    return table(f"pictures.graph.picture.{words}")


class _Path(Text):
    """A file to write to; "-" is stdout."""

    def read(self, _: str, text: str) -> str | None:
        return None if text == "-" else text


class _File(OneOf):
    """A file to write, whose name has one of some endings; or "-" where `shows`."""

    def __init__(
        self, table: Callable[[], Collection[str]], hint: str = "", *, shows: bool = False
    ) -> None:
        super().__init__(lambda: [f".{x.lstrip('.')}" for x in table()], "-" if shows else None)
        self._hint = hint
        self._shows = shows

    def read(self, field: str, text: str) -> str:
        endings = tuple(self.table())
        name = text.lower() if self._shows else text
        if not name.endswith(endings) and not (self._shows and text == "-"):
            wanted = enumerated(endings, "or")
            message = f"{spelled(field)} writes a {wanted} file, not '{printable(text, 60)}'"
            hint = self._hint or f"for example {example(field, 'new' + endings[0])}"
            raise UsageError(message, hint=hint)
        return text


class _Pair(Text):
    """A name and what is said of it, NAME=TEXT; together a dictionary."""

    def __init__(
        self,
        sample: str,
        form: str = "NAME=…",
        allows: Callable[[str], Any] = lambda said: said[1:],
        *,
        is_new: bool = False,
    ) -> None:
        """Take what the form is called, and what says whether text behind the name is allowed.

        It begins with the equals sign. A name that `is_new` must not mean something already.
        """
        super().__init__(sample)
        self._form = form
        self._allows = allows
        self._is_new = is_new

    def read(self, field: str, text: str) -> tuple[Any, str]:
        name, equals, rest = text.partition("=")
        name, own = name.strip(), spelled(field)
        if not is_name(name) or not self._allows(equals + rest):
            raise self._wrong(field, text)
        if self._is_new and not is_free(name):
            message = f"{name} means something else in a formula"
            raise UsageError(message, hint=f"give another name, as {own} {self.sample}")
        return name, rest

    def joined(self, field: str, values: Sequence[tuple[Any, str]]) -> dict[Any, str]:
        seen: set[Any] = set()
        for name, _ in values:
            same = name if isinstance(name, str) else frozenset(name)
            if same in seen:
                shown = name if isinstance(name, str) else ",".join(name)
                message = f"{spelled(field)} gives {shown} twice"
                raise UsageError(message)
            seen.add(same)
        return dict(values)

    def _wrong(self, field: str, text: str) -> UsageError:
        own = spelled(field)
        message = f"{own} takes {self._form}, not '{printable(text, 60)}'"
        return UsageError(message, hint=f"for example {own} {self.sample}")


class _Correlation(_Pair):
    """Two names and their correlation; w[0,1],b are two."""

    def read(self, field: str, text: str) -> tuple[Any, str]:
        import re

        names, _, number = text.rpartition("=")
        pair = tuple(name.strip() for name in re.split(r",(?![^\[]*\])", names))
        if len(pair) != 2 or not is_number(number.strip().lstrip("+-")):
            raise self._wrong(field, text)
        return pair, number


def _pairs(flags: str, help_: str, metavar: str, values: _Pair) -> Option[Mapping[Any, str]]:
    """Return an option that takes a pair and may be repeated."""
    return Option(flags, {}, help_, values, metavar, many=True)


_JSON = flag("--json", "One JSON object.")
_COLOR = one_of("--color", "Colours: {words}.", "WHEN", lambda: ("auto", "always", "never"), "auto")


class Shown(Options):
    """The form of what is printed."""

    group = "Output"

    json = _JSON
    csv = flag("--csv", "Comma-separated values.")
    digits = whole("--digits", "Right digits (1 to 10000; 1 to 17 of a run).", most=MOST_DIGITS)
    decimals = whole("--fixed", "Decimals, all of them shown (0 to 17).", 0, 17)
    color = _COLOR


class Written(Options):
    """Where the result goes."""

    group = "Output"

    path = text("-o --output", "Write to FILE, not stdout.", "FILE", _Path(), file="write")


class Nonfinite(Options):
    """What is done where there is no finite value."""

    group = "Output"

    allow_nonfinite = flag("--allow-nonfinite", "Print inf and nan instead of an error.")


class Files(Options):
    """The files that the names of the formula stand for."""

    group = "Data"

    data = texts(
        "--data",
        "Columns for the formula: a file of {words}, such as points.csv, a folder, a pattern, an "
        "address (s3://, https:// …), or - for stdin; repeatable.",
        "FILE",
        Filled("points.csv"),
        words=table("data.formats.names"),
        file="read",
    )
    params = text("--params", "Values that minimize --save wrote.", "FILE")


class Reading(Options):
    """How the files are read."""

    group = "Data"
    needs: Sequence[str] = ("data", "points")

    separator = text(
        "--separator", "Between the cells of --data (tab, ; or , or blanks).", "C", Filled()
    )
    decimal = text("--decimal", "The decimal point of the numbers in --data (.).", "C")
    thousands = text("--thousands", "Between groups of three digits in --data.", "C")
    header = text("--header", "Names of the columns of --data that has no header.", "A,B,...")
    skip_lines = Option("--skip-lines", 0, "Leave out the first N lines of --data.", Whole(0), "N")
    skip: Option[Sequence[int]] = numbers(
        "--skip", "Leave out line N of --data, such as one of units; repeatable.", "N", Whole(1)
    )
    column: Option[Mapping[str, str]] = _pairs(
        "--column",
        "Another name for a column, 't=Time (s)'; repeatable.",
        "NAME=HEADING",
        _Pair("'t=Time (s)'", is_new=True),
    )
    dates: Option[Mapping[str, str]] = _pairs(
        "--dates",
        "A column of dates (ISO 8601, or of a form, 't=%d.%m.%Y') as days since the first, "
        "or as seconds; repeatable.",
        "COLUMN[=FORM]",
        _Pair(
            "t, or --dates 't=%d.%m.%Y'",
            "NAME or NAME=FORM",
            lambda said: not said or "%" in said,
        ),
    )
    missing = texts("--missing", "A text or number that means a missing value; repeatable.", "TEXT")
    drop_missing = flag("--drop-missing", "Leave out rows of --data in which a value is missing.")
    encoding = text("--encoding", "The encoding of --data (UTF-8).", "CODE")
    matrix: Option[Mapping[str, str]] = _pairs(
        "--matrix",
        "Columns of --data as one array, as 'img=pixel*'; repeatable.",
        "NAME=PATTERN",
        _Pair("'img=pixel*'", is_new=True),
    )
    classes = texts("--classes", "A column of text, as whole numbers; repeatable.", "COLUMN")


class Data(Files, Reading):
    """The files that the names of the formula stand for, and how they are read."""


class Sharing(Options):
    """Who computes the rows of the data."""

    group = "Data"
    needs: Sequence[str] = ("data",)

    workers = whole(
        "--workers",
        "Share sums over the rows of --data among N processes; 0 makes their blocks here.",
        *(0, 1000),
    )
    cluster = text(
        "--cluster",
        "Share them among the workers of a Dask scheduler, tls://HOST:PORT.",
        "ADDRESS",
        Filled("tls://host:8786"),
    )
    insecure = flag(
        "--insecure", "Let --cluster be a tcp:// address elsewhere.", needs=("cluster",)
    )


class PlotFile(Options):
    """Where a plot goes."""

    group = "Plot"

    plot = text(
        "--plot",
        "A plot as {words}; - draws it in the terminal.",
        "FILE",
        _File(
            table("pictures.plots.picture.FORMATS"),
            "for example --plot curve.svg; --plot - draws here",
            shows=True,
        ),
        file="write",
    )


class Looks(Options):
    """What lies in a plot, and how it looks."""

    group = "Plot"
    needs: Sequence[str] = ("plot",)

    points = text(
        "--points",
        "Lay points over the plot: a file of x, y and perhaps what colours them.",
        "FILE",
        Filled(),
        file="read",
    )
    title = text("--title", "The title of the plot.", "TEXT")
    xlabel = text("--xlabel", "The label of its x axis.", "TEXT")
    ylabel = text("--ylabel", "The label of its y axis.", "TEXT")
    log_x = flag("--log-x", "A logarithmic x axis.")
    log_y = flag("--log-y", "A logarithmic y axis.")
    level: Option[Sequence[float]] = numbers(
        "--level",
        "A line where the value is V, as the boundary of classes; repeatable.",
        "V",
        Number("a finite number", lambda _: True, 0.5),
    )
    surface = flag("--surface", "A surface in three dimensions, not a contour.")
    size = text("--size", "Width and height in inches, or in characters with --plot -.", "WxH")


class Plot(PlotFile, Looks):
    """A plot."""


class Beside(Options):
    """What stands beside the formula in a plot."""

    group = "Plot"
    needs: Sequence[str] = ("plot",)

    x = text("--x", "Plot the rows of --data against this column, or a formula of it.", "COLUMN")
    curves = texts("--with", "Another curve in the plot, such as a model; repeatable.", "FORMULA")


class Uncertain(Options):
    """Values with errors."""

    group = "Errors"

    correlate: Option[Mapping[tuple[str, str], str]] = _pairs(
        "--correlate",
        "Correlation of two values with errors; repeatable.",
        "NAME,NAME=R",
        _Correlation("x,y=0.5", "NAME,NAME=R"),
    )
    sigma_of: Option[Mapping[str, str]] = _pairs(
        "--sigma-of",
        "Standard error of a name, a number or a column of --data; repeatable.",
        "NAME=SIGMA",
        _Pair(
            "x=0.1",
            "NAME=NUMBER or NAME=COLUMN",
            lambda said: is_number(said[1:]) or is_name(said[1:]),
        ),
    )
    confidence = number(
        "--confidence", "An interval that holds the value with probability P.", "P", SHARE
    )


class Eval(Random, Data, Sharing, Plot, Beside, Uncertain, Written, Shown, Nonfinite):
    """The options of eval."""

    group = "Value"

    trace = flag("--trace", "Every value on the way.")
    samples = whole("--samples", "Draw values with errors N times.", 2, MOST_SAMPLES)
    errors = flag("--errors", "The errors that --params gives, in a pipe too.")


class Grad(Random, Data, Sharing, Plot, Uncertain, Written, Shown, Nonfinite):
    """The options of grad."""

    group = "Derivatives"

    wrt = text("--wrt", "Only with respect to these names or parts, as x,y.", "NAMES")
    mode = one_of("--mode", "How: {words}.", "M", lambda: MODES, "reverse")
    check = flag("--check", "Three ways side by side, and how far they are apart.")
    step: Option[Sequence[float]] = numbers(
        "--step", "The error of (f(x+h) - f(x))/h for this h; repeat it for more.", "H", POSITIVE
    )
    nodes = flag("--nodes", "Every node's gradient; its tangents with --mode forward.")
    hessian = flag("--hessian", "The second derivatives.")
    latex = flag("--latex", "The formulas in LaTeX.")
    strict = flag("--strict", "A kink is an error, not a note.")
    relative = flag("--relative", "Elasticities too: x/f times the derivative.")


class Learning(Options):
    """Learning from some rows at a time, and runs that are continued."""

    group = "Learning"

    batch = whole("--batch", "Learn from N rows at a time, shuffled.")
    epochs = whole("--epochs", "Go over all rows N times.")
    validate = texts(
        "--validate",
        "Rows to measure on after each epoch; repeatable.",
        "FILE",
        Filled("more.csv"),
        needs=("epochs", "batch"),
        file="read",
    )
    metric = text("--metric", "Measured on --validate as well.", "FORMULA", needs=("validate",))
    memory = whole(
        "--memory",
        f"Hold so much of --data in memory (16; {MEMORY_OF_MANY} with --batch, in each worker).",
        least=0,
        metavar="MB",
        needs=("data",),
    )
    checkpoint = text(
        "--checkpoint",
        "Keep the state, to go on from there.",
        "FILE",
        Text("state.ckpt"),
        file="write",
    )
    checkpoint_every = whole(
        "--checkpoint-every", "Every N steps (each epoch, or each second).", needs=("checkpoint",)
    )
    resume = text("--resume", "Go on from a checkpoint.", "FILE")


class Minimize(Settings, Learning, Data, Sharing, Plot, Shown):
    """The options of minimize."""

    group = "Result"

    fix = texts("--fix", "A name that does not move; repeatable.", "NAME=VALUE")
    limits = texts(
        "--bounds", "Limits of a parameter, as a=0:1 or a=0: ; repeatable.", "NAME=LOW:HIGH"
    )
    every = whole("--every", "Show each N-th step (in a pipe, not the result).")
    log = text(
        "--log",
        "Write every step to a {words} file.",
        "FILE",
        _File(table("cli.steps.LOG_FORMATS")),
        file="write",
    )
    save = text(
        "--save",
        "Write the parameters to a {words} file.",
        "FILE",
        _File(table("data.parameters.ENDINGS")),
        file="write",
    )
    predictions = text(
        "--predictions",
        "Write fitted values, residuals and confidence band to a {words} file.",
        "FILE",
        _File(lambda: (".csv",)),
        file="write",
    )
    influence = flag(
        "--influence",
        "In --predictions, what each row does to the fit.",
        needs=("predictions",),
    )
    report: Option[Mapping[str, str]] = _pairs(
        "--report",
        "A quantity of the parameters, with its error; repeatable.",
        "'NAME = FORMULA'",
        _Pair(
            "'half_life = log(2)/b'",
            "'NAME = FORMULA'",
            lambda said: said[1:].strip() and not said.startswith("=="),
            is_new=True,
        ),
    )
    also = texts(
        "--also",
        "Another model to fit and to compare; repeatable.",
        "MODEL",
        Filled(),
        needs=("data",),
    )
    lesson = text(
        "-o --output",
        "Write a lesson, which runs the descent again, to a {words} file.",
        "FILE",
        _File(lambda: (".html",), "for example -o lesson.html; --plot curve.svg draws a picture"),
        file="write",
    )
    overlay = texts(
        "--overlay",
        "Lay the curves of another run's --log over the plot; repeatable.",
        "LOG",
        Filled(),
        needs=("plot",),
        file="read",
    )

    @property
    def learns(self) -> bool:
        """Whether the rows are taken in batches, epoch after epoch."""
        return self.batch is not None or self.epochs is not None


class Draw(Random, Data, Written):
    """The options of draw."""

    group = "Picture"

    format: Option[str | None] = one_of(
        "--format", "{words}; html is a lesson step by step.", "F", _of_pictures("FORMATS"), None
    )
    no_grad = flag("--no-grad", "Values without gradients.")
    rankdir = one_of(
        "--rankdir",
        "The way it runs: LR (to the right) or TB (down).",
        "D",
        _of_pictures("DIRECTIONS"),
        "LR",
    )
    local: Option[str | None] = one_of(
        "--local", "On the edges: {words}.", "L", _of_pictures("LOCALS"), None
    )
    until = whole("--until", "Gradients after N steps of the backward pass.", 0)
    only_named = flag("--only-named", "Inputs, named parts (u = ...;) and the result alone.")
    parts = flag("--parts", "What integrals, sums, products and roots are made of.")
    most_nodes = whole("--max-nodes", "Draw up to N nodes (300).")


class Help(Options):
    """The options of help."""

    group = "Output"

    json = _JSON
    color = _COLOR
