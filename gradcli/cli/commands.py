"""The four commands and their options, as Typer reads them.

A command's function only says what is to be done; `app.main` does it, outside of Typer, so that one
place decides about errors and exit codes.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from copy import copy
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from gradcli.cli.arguments import is_option
from gradcli.cli.data_options import DataOptions
from gradcli.cli.options import spread
from gradcli.cli.plot_options import Against, PlotOptions
from gradcli.cli.uncertain import UncertainOptions
from gradcli.errors import ExitCode, GradcliError, UsageError, printable


class Request(NamedTuple):
    """A command ready to run, and whether its errors are to be JSON."""

    run: Callable[[], ExitCode]
    json: bool


_NO_DATA = DataOptions()
_NO_PLOT = PlotOptions()
_NOTHING = Against()
_CERTAIN = UncertainOptions()

COMMANDS = ("eval", "grad", "minimize", "draw")


_SHORT_HELP = """no command is given

  gradcli eval 'log(x^2 + sin(3*x*y))' x=2 y=3             the value
  gradcli grad 'log(x^2 + sin(3*x*y))' x=2 y=3             its derivatives
  gradcli minimize 'a^2 - 10*a + 28' a=6 --lr 0.1          the way down
  gradcli draw 'log(x^2 + sin(3*x*y))' x=2 y=3 -o g.svg    the graph

  gradcli --help lists the options of each"""


class AsTyped:
    """Texts and flags as they were typed, in place of Typer's conversion to a parameter's type.

    Nothing is to be converted, but Typer imports pydantic for it: longer than the command takes.
    """

    @staticmethod
    def coerce(value: Any, param: Any, ctx: Any) -> Any:  # noqa: ARG004 - as Typer calls it
        """Return the value of a parameter."""
        return list(value or ()) if param.multiple or param.nargs == -1 else value


def _as_typed(parameters: list[Any]) -> list[Any]:
    """Return the parameters of a command, those of texts and flags without a conversion."""
    for parameter in parameters:
        if parameter.type_descriptor.annotation in (bool, str, list[str]):
            parameter._runtime_param = AsTyped()  # noqa: SLF001 - Typer has no other place for it
    return parameters


class OperandCommand(TyperCommand):
    """A command for which a word that starts with one "-" is a formula, unless it is an option.

    `gradcli eval -x^2 x=3` works: only -o and -h are options of one letter.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's parameters."""
        return _as_typed(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return what stands behind the command's name in the usage line."""
        return ["FORMULA [NAME=VALUE]... [OPTIONS]"]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return the arguments, operands put behind "--" where no parser mistakes them."""
        takes_value = {
            name: not getattr(parameter, "is_flag", False)
            for parameter in self.get_params(ctx)
            if parameter.param_type_name == "option"
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        options: list[str] = []
        operands: list[str] = []
        words = iter(args)
        for word in words:
            if word == "--":
                operands += words
            elif word in takes_value:
                options.append(word)
                if takes_value[word]:
                    value = next(words, None)
                    if value is None and ctx.resilient_parsing:
                        continue  # a line that is being completed
                    if value is None:
                        message = f"{word} needs a value"
                        raise UsageError(message, hint=f"see {ctx.command_path} --help")
                    options.append(value)
            elif is_option(word):
                options.append(word)
            else:
                operands.append(word)
        return super().parse_args(ctx, [*options, "--", *operands] if operands else options)


class Group(TyperGroup):
    """The commands in the order in which one meets them."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters of the program itself."""
        return _as_typed(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names of the commands."""
        return list(self.commands)


app = typer.Typer(
    cls=Group,
    name="gradcli",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The command-line calculator that knows its derivatives.",
    epilog="Try: gradcli eval 'log(x^2 + sin(3*x*y))' x=2 y=3",
)


def _functions(incomplete: str) -> list[str]:
    """Return what the last word of an unfinished formula may become: names of functions."""
    from gradcli.language.names import FUNCTION_NAMES

    begun = re.search(r"[A-Za-z_][A-Za-z_0-9]*$", incomplete)
    if begun is None:
        return []
    before = incomplete[: begun.start()]
    return [f"{before}{name}(" for name in FUNCTION_NAMES if name.startswith(begun[0])]


def _one_of(*words: str) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def _engines(incomplete: str) -> list[str]:
    """Return the choices of --engine that an unfinished word may become."""
    from gradcli.engines import AUTO, TABLE

    return _one_of(AUTO, *TABLE)(incomplete)


def _methods(incomplete: str) -> list[str]:
    """Return the methods of minimize that an unfinished word may become."""
    from gradcli.minimization.methods import SECOND_ORDER
    from gradcli.optimize.first_order.methods import METHODS

    return _one_of(*SECOND_ORDER, *METHODS)(incomplete)


def _schedules(incomplete: str) -> list[str]:
    """Return the schedules that an unfinished word may become."""
    from gradcli.optimize.first_order.schedules import SCHEDULES

    return _one_of(*SCHEDULES)(incomplete)


_Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FORMULA [NAME=VALUE]...",
        help="The formula (- for stdin, @FILE for a file), then a value for each of its names.",
        show_default=False,
        hidden=True,
        autocompletion=_functions,
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
_Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values.")]
_Digits = Annotated[
    str | None, typer.Option("--digits", metavar="N", help="Significant digits (1 to 17).")
]
_Color = Annotated[
    str,
    typer.Option(
        "--color",
        metavar="WHEN",
        help="Colours: auto, always or never.",
        autocompletion=_one_of("auto", "always", "never"),
    ),
]
_Nonfinite = Annotated[
    bool,
    typer.Option("--allow-nonfinite", help="Print inf and nan instead of an error."),
]
_Seed = Annotated[
    str | None,
    typer.Option("--seed", metavar="N", help="Seed of random starts such as w=normal(3) (0)."),
]
_File = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write to FILE, not stdout.",
        callback=lambda path: None if path == "-" else path,
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        from gradcli import __version__

        typer.echo(f"gradcli {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """The command-line calculator that knows its derivatives."""


@app.command(
    "eval",
    cls=OperandCommand,
    epilog="Examples: gradcli eval '2^10'; gradcli eval -x^2 x=3; "
    "gradcli eval 'u = 3*x*y; log(x^2 + sin(u))' x=2 y=3 --trace",
)
@spread
def _eval(
    words: _Words = None,
    trace: Annotated[bool, typer.Option("--trace", help="Every value on the way.")] = False,
    json: _Json = False,
    csv: _Csv = False,
    digits: _Digits = None,
    allow_nonfinite: _Nonfinite = False,
    data: DataOptions = _NO_DATA,
    plot: PlotOptions = _NO_PLOT,
    against: Against = _NOTHING,
    uncertain: UncertainOptions = _CERTAIN,
    samples: Annotated[
        str | None,
        typer.Option("--samples", metavar="N", help="Draw values with errors N times."),
    ] = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="The errors that --params gives, in a pipe too.")
    ] = False,
    seed: _Seed = None,
    output: _File = None,
    color: _Color = "auto",
) -> Request:
    """Print the value of a formula."""

    def request() -> ExitCode:
        from gradcli.cli.eval import evaluate

        to = _output(json, csv, digits, color, output)
        return evaluate(
            words or [],
            to,
            trace=trace,
            allow_nonfinite=allow_nonfinite,
            seed=_seed(seed),
            data=data,
            plot=_plot(plot, to, {**data.files(), "-o": [output]}, against),
            against=against,
            uncertain=uncertain,
            samples=samples,
            errors=errors,
        )

    return Request(request, json)


@app.command(
    "grad",
    cls=OperandCommand,
    epilog="Examples: gradcli grad 'log(x^2 + sin(3*x*y))' x=2 y=3; gradcli grad 'x*exp(-x)'",
)
@spread
def _grad(
    words: _Words = None,
    wrt: Annotated[
        str | None,
        typer.Option(
            "--wrt", metavar="NAMES", help="Only with respect to these names or parts, as x,y."
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            metavar="M",
            help="How: reverse, forward or finite.",
            autocompletion=_one_of("reverse", "forward", "finite"),
        ),
    ] = "reverse",
    check: Annotated[
        bool, typer.Option("--check", help="Three ways side by side, and how far apart they are.")
    ] = False,
    step: Annotated[
        list[str] | None,
        typer.Option(
            "--step",
            metavar="H",
            help="The error of (f(x+h) - f(x))/h for this h; repeat it for more.",
        ),
    ] = None,
    nodes: Annotated[
        bool,
        typer.Option("--nodes", help="Every node's gradient; its tangents with --mode forward."),
    ] = False,
    hessian: Annotated[bool, typer.Option("--hessian", help="The second derivatives.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="The formulas in LaTeX.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A kink is an error, not a note.")
    ] = False,
    relative: Annotated[
        bool, typer.Option("--relative", help="Elasticities too: x/f times the derivative.")
    ] = False,
    uncertain: UncertainOptions = _CERTAIN,
    json: _Json = False,
    csv: _Csv = False,
    digits: _Digits = None,
    allow_nonfinite: _Nonfinite = False,
    data: DataOptions = _NO_DATA,
    plot: PlotOptions = _NO_PLOT,
    seed: _Seed = None,
    output: _File = None,
    color: _Color = "auto",
) -> Request:
    """Print the value and the derivative by each name; without values, the formulas."""

    def request() -> ExitCode:
        from gradcli.cli.grad import Wanted, differentiate
        from gradcli.cli.uncertain import Errors

        to = _output(json, csv, digits, color, output)
        wanted = Wanted(
            wrt,
            mode,
            check,
            step or (),
            nodes,
            hessian,
            latex,
            strict,
            allow_nonfinite,
            _seed(seed),
            _plot(plot, to, {**data.files(), "-o": [output]}),
            Errors(uncertain, None if data.paths else data.covariance()),
            relative,
        )
        return differentiate(words or [], to, wanted, data)

    return Request(request, json)


@app.command(
    "minimize",
    cls=OperandCommand,
    epilog="Examples: gradcli minimize 'a^2 - 10*a + 28' a=6 --lr 0.1 --steps 20; "
    "gradcli minimize 'y ~ a*exp(-b*x)' a=1 b=0.1 --data points.csv",
)
@spread
def _minimize(
    words: _Words = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="M",
            help="lm, newton, lbfgs, or first-order with settings: 'adam(beta1=0.8)'.",
            autocompletion=_methods,
        ),
    ] = None,
    lr: Annotated[
        str | None, typer.Option("--lr", metavar="R", help="Learning rate of a first-order method.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule",
            metavar="S",
            help="How the learning rate changes: 'cosine(t_max=100)'.",
            autocompletion=_schedules,
        ),
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="N", help="Steps to take (at most 10000).")
    ] = None,
    tol: Annotated[
        str | None,
        typer.Option(
            "--tol",
            metavar="T",
            help="Stop at this norm of the gradient (1e-8), or relative step of lm.",
        ),
    ] = None,
    seconds: Annotated[
        str | None, typer.Option("--seconds", metavar="S", help="Stop after so many seconds.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            metavar="E",
            help="native (machine code by LLVM), python, or auto: what is faster.",
            autocompletion=_engines,
        ),
    ] = "auto",
    fix: Annotated[
        list[str] | None,
        typer.Option("--fix", metavar="NAME=VALUE", help="A name that does not move; repeatable."),
    ] = None,
    bounds: Annotated[
        list[str] | None,
        typer.Option(
            "--bounds",
            metavar="NAME=LOW:HIGH",
            help="Limits of a parameter, as a=0:1 or a=0: ; repeatable.",
        ),
    ] = None,
    maximize: Annotated[
        bool, typer.Option("--maximize", help="Find a maximum in place of a minimum.")
    ] = False,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(
            "--subject-to",
            metavar="CONSTRAINT",
            help="What must hold, as 'x^2 + y^2 <= 1' or 'x == y'; repeatable.",
        ),
    ] = None,
    starts: Annotated[
        str | None,
        typer.Option("--starts", metavar="N", help="Try N starts, keep the lowest; 1 for one run."),
    ] = None,
    data: DataOptions = _NO_DATA,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="MB",
            help="Hold so much of --data in memory (16; 1024 with --batch).",
        ),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option("--batch", metavar="N", help="Learn from N rows at a time, shuffled."),
    ] = None,
    epochs: Annotated[
        str | None, typer.Option("--epochs", metavar="N", help="Go over all rows N times.")
    ] = None,
    validate: Annotated[
        list[str] | None,
        typer.Option(
            "--validate", metavar="FILE", help="Rows to measure on after each epoch; repeatable."
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="FORMULA", help="Measured on --validate as well."),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", metavar="FILE", help="Keep the state, to go on from there."),
    ] = None,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            "--checkpoint-every", metavar="N", help="Every N steps (each epoch, or each second)."
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="FILE", help="Go on from a checkpoint."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", metavar="COLUMN", help="How much each row of a fit counts."),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option("--sigma", metavar="COLUMN", help="Standard deviation of each row of a fit."),
    ] = None,
    absolute_sigma: Annotated[
        bool,
        typer.Option("--absolute-sigma", help="--sigma is exact, not only up to a factor."),
    ] = False,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            metavar="L",
            help="For data with outliers: 'huber(1.35)', soft_l1 or cauchy.",
            autocompletion=_one_of("huber", "soft_l1", "cauchy"),
        ),
    ] = None,
    confidence: Annotated[
        str | None,
        typer.Option("--confidence", metavar="P", help="Of the confidence intervals (0.95)."),
    ] = None,
    every: Annotated[
        str | None, typer.Option("--every", metavar="N", help="Show each N-th step.")
    ] = None,
    log: Annotated[
        str | None,
        typer.Option("--log", metavar="FILE", help="Write every step to a .csv or .jsonl file."),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            "--save", metavar="FILE", help="Write the parameters to a .json or .npz file."
        ),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help="Write fitted values, residuals and confidence band to a .csv file.",
        ),
    ] = None,
    influence: Annotated[
        bool,
        typer.Option("--influence", help="In --predictions, what each row does to the fit."),
    ] = False,
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="'NAME = FORMULA'",
            help="A quantity of the parameters, with its error; repeatable.",
        ),
    ] = None,
    plot: PlotOptions = _NO_PLOT,
    overlay: Annotated[
        list[str] | None,
        typer.Option(
            "--overlay",
            metavar="LOG",
            help="Lay the curves of another run's --log over the plot; repeatable.",
        ),
    ] = None,
    seed: _Seed = None,
    json: _Json = False,
    csv: _Csv = False,
    digits: _Digits = None,
    color: _Color = "auto",
) -> Request:
    """Go down from a start, NAME=START for each parameter; with data, fit a model to it."""

    def request() -> ExitCode:
        from gradcli.cli.given import Options
        from gradcli.cli.minimize import minimize

        to = _output(json, csv, digits, color, None)
        options = Options(
            method=method,
            lr=lr,
            schedule=schedule,
            steps=steps,
            tol=tol,
            seconds=seconds,
            engine=engine,
            fix=fix or (),
            bounds=bounds or (),
            maximize=maximize,
            subject_to=subject_to or (),
            starts=starts,
            seed=_seed(seed),
            data=data,
            memory=memory,
            batch=batch,
            epochs=epochs,
            validate=validate or (),
            metric=metric,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            resume=resume,
            weights=weights,
            sigma=sigma,
            absolute_sigma=absolute_sigma,
            loss=loss,
            confidence=confidence,
            every=every,
            log=log,
            save=save,
            predictions=predictions,
            plot=plot,
            overlay=overlay or (),
            report=report or (),
            influence=influence,
        )
        return minimize(words or [], to, options)

    return Request(request, json)


@app.command(
    "draw",
    cls=OperandCommand,
    epilog="Example: gradcli draw 'log(x^2 + sin(3*x*y))' x=2 y=3 -o graph.svg",
)
def _draw(
    words: _Words = None,
    picture_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="F",
            help="svg, png, pdf, dot, json, or html: a lesson step by step.",
            autocompletion=_one_of("svg", "png", "pdf", "dot", "json", "html"),
        ),
    ] = None,
    no_grad: Annotated[bool, typer.Option("--no-grad", help="Values without gradients.")] = False,
    rankdir: Annotated[
        str,
        typer.Option(
            "--rankdir",
            metavar="D",
            help="The way it runs: LR (to the right) or TB (down).",
            autocompletion=_one_of("LR", "TB"),
        ),
    ] = "LR",
    local: Annotated[
        str | None,
        typer.Option(
            "--local",
            metavar="L",
            help="On the edges: number, formula, both or none.",
            autocompletion=_one_of("number", "formula", "both", "none"),
        ),
    ] = None,
    only_named: Annotated[
        bool,
        typer.Option("--only-named", help="Inputs, named parts (u = ...;) and the result alone."),
    ] = False,
    max_nodes: Annotated[
        str | None, typer.Option("--max-nodes", metavar="N", help="Draw up to N nodes (300).")
    ] = None,
    seed: _Seed = None,
    output: _File = None,
) -> Request:
    """Draw the graph: values, gradients and local derivatives; without values, the structure."""

    def request() -> ExitCode:
        from gradcli.cli.draw import Style, draw

        to = _output(False, False, None, "auto", output)
        style = Style(picture_format, not no_grad, rankdir, local, only_named, max_nodes)
        return draw(words or [], to, style, seed=_seed(seed))

    return Request(request, json=False)


def _output(json: bool, csv: bool, digits: str | None, color: str, path: str | None) -> Any:
    from gradcli.cli.arguments import whole
    from gradcli.cli.output import Output

    if color not in {"auto", "always", "never"}:
        message = f"--color must be auto, always or never, not '{printable(color, 60)}'"
        raise UsageError(message)
    return Output(
        json=json, csv=csv, digits=whole("--digits", digits, 1, 17), color=color, path=path
    )


def _plot(plot: PlotOptions, to: Any, others: dict[str, Any], more: Any = None) -> Any:
    """Return where the plot goes; `others` are the files of other options, `more` its others."""
    if not plot.is_wanted(more):
        return None
    from gradcli.cli.plots import wanted

    users = {**others, **plot.files()}
    return wanted(plot, to, {f: o for o, files in users.items() for f in files or () if f})


def _seed(text: str | None) -> int:
    from gradcli.cli.arguments import whole

    return whole("--seed", text, 0) or 0


def request(arguments: list[str]) -> Request | int:
    """Return what the words ask for; a number is an exit code, when help was all they asked for.

    Raises UsageError for words that Typer cannot make sense of.
    """
    group = typer.main.get_command(_with_commands(arguments))
    if not arguments and "_GRADCLI_COMPLETE" not in os.environ:
        raise UsageError(_SHORT_HELP)
    try:
        answer = group.main(arguments, prog_name="gradcli", standalone_mode=False)
    except TyperException as problem:
        raise _usage_error(problem) from None
    except SystemExit as end:  # Typer's answer when the reader of its help went away
        if end.code == 1:
            return ExitCode.BROKEN_PIPE
        raise
    if isinstance(answer, Request):
        return answer
    if sys.stdout is None:
        message = "stdout is closed"
        raise GradcliError(message)
    return int(answer or 0)


def _with_commands(arguments: list[str]) -> typer.Typer:
    """Return the program, with no command but the one that is asked for: building one takes time.

    Without a command, as for --help, and to complete a line it has them all.
    """
    named = arguments[0] if arguments else ""
    if named not in COMMANDS or "_GRADCLI_COMPLETE" in os.environ:
        return app
    program = copy(app)
    program._add_completion = False  # noqa: SLF001 - --install-completion comes without a command
    program.registered_commands = [one for one in app.registered_commands if one.name == named]
    return program


def _usage_error(problem: TyperException) -> UsageError:
    """Return Typer's complaint as ours: one sentence and a repair."""
    from gradcli.language.names import is_name, suggestion
    from gradcli.language.parser import finding

    context = getattr(problem, "ctx", None)
    path = context.command_path if context else "gradcli"
    hint = f"see {path} --help"
    option = getattr(problem, "option_name", None)
    kind = type(problem).__name__
    if kind == "NoSuchOption" and context is not None:
        known = [name for p in context.command.get_params(context) for name in p.opts]
        close = suggestion(str(option), [name for name in known if name.startswith("--")])
        message = f"{path} has no option {printable(str(option), 60)}"
        return UsageError(message, hint=f"did you mean {close}?" if close else hint)
    sentence = problem.format_message().rstrip(".")
    found = re.match(r"No such command '(.*?)'(?:\.|$)", sentence, re.DOTALL)
    if found:
        close = suggestion(found[1], COMMANDS)
        message = f"there is no command '{printable(found[1], 60)}'"
        others = f"the commands are {', '.join(COMMANDS)}"
        if not is_name(found[1]) and finding(found[1]) is None and len(found[1]) <= 60:
            others = f"for its value: gradcli eval {shlex.quote(found[1])}"
        return UsageError(message, hint=f"did you mean '{close}'?" if close else others)
    return UsageError(sentence[:1].lower() + sentence[1:], hint=hint)
