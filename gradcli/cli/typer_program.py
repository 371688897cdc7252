"""Typer: help, completion, and complaints about words. All that is private to it stands here.

The words of a command become an Invocation, as those of a plain line do in commands.py.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import _completion_shared
from typer._click.shell_completion import split_arg_string
from typer._completion_classes import BashComplete
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from gradcli.cli import completion
from gradcli.cli.arguments import separated
from gradcli.cli.commands import COMMANDS, Command, Invocation
from gradcli.errors import ExitCode, GradcliError, UsageError, printable
from gradcli.options import check_word

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.options import Option

_SHORT_HELP = """no command is given

  gradcli eval 'log(x^2 + sin(3*x*y))' x=2 y=3             the value
  gradcli grad 'log(x^2 + sin(3*x*y))' x=2 y=3             its derivatives
  gradcli minimize 'a^2 - 10*a + 28' a=6 --lr 0.1          the way down
  gradcli draw 'log(x^2 + sin(3*x*y))' x=2 y=3 -o g.svg    the graph

  gradcli help explains more, and gradcli --help lists the options"""


SCRIPTS = {"bash": "gradcli.bash", "zsh": "_gradcli", "fish": "gradcli.fish"}
"""The files of what makes a shell complete our words."""


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

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write what --help says."""
        from gradcli.cli.help import of_command

        formatter.write(of_command(COMMANDS[str(self.name)]))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return the arguments, operands put behind "--" where no parser mistakes them."""
        with_value = {
            name
            for parameter in self.get_params(ctx)
            if parameter.param_type_name == "option" and not getattr(parameter, "is_flag", False)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        operands, options = separated(args, with_value)
        for word, *value in options:
            if word in with_value and not value and not ctx.resilient_parsing:
                message = f"{word} needs a value"
                raise UsageError(message, hint=f"see {ctx.command_path} --help")
        words = [
            word
            for option in options
            if len(option) > 1 or option[0] not in with_value
            for word in option
        ]
        return super().parse_args(ctx, [*words, "--", *operands] if operands else words)


class Group(TyperGroup):
    """The commands in the order in which one meets them."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters of the program itself."""
        return _as_typed(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write what --help says."""
        from gradcli.cli.help import of_program

        formatter.write(of_program())

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names of the commands."""
        return list(self.commands)


def _parameter(option: Option[Any]) -> inspect.Parameter:
    """Return an option as a parameter that Typer understands."""
    complete: Any = completion.OF.get(option.metavar)
    if option.complete is not None:
        load = option.complete

        def complete(incomplete: str) -> list[str]:
            return [word for word in load() if word.startswith(incomplete)]

    kind: Any = bool if option.values is None else list[str] if option.many else str
    described = typer.Option(
        *option.flags,
        metavar=option.metavar,
        autocompletion=complete,
        show_default=False,
    )
    return inspect.Parameter(
        option.field,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if option.values is None else None,
        annotation=Annotated[kind if kind is bool else kind | None, described],
    )


def _asking(command: Command) -> Callable[..., Invocation]:
    """Return the function that Typer calls with the words of a command, by their fields."""

    def ask(**typed: Any) -> Invocation:
        operands = typed.pop("words") or []
        texts = {field: value for field, value in typed.items() if value not in (None, False, [])}
        return Invocation(command, operands, texts)

    operands = typer.Argument(
        help="The formula (- for stdin, @FILE for a file), then a value for each of its names.",
        hidden=True,
        autocompletion=completion.help_words if command.name == "help" else completion.words,
    )
    words = inspect.Parameter(
        "words",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[list[str] | None, operands],
    )
    parameters = [words, *map(_parameter, command.options.records().values())]
    ask.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    ask.__annotations__ = {each.name: each.annotation for each in parameters}
    ask.__doc__ = command.help
    return ask


def _version(wanted: bool) -> None:
    if wanted:
        from gradcli import __version__

        typer.echo(f"gradcli {__version__}")
        raise typer.Exit


def _main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """The command-line calculator that knows its derivatives."""


def program(arguments: list[str]) -> Any:
    """Return the program, with no command but the one that is asked for: building one takes time.

    Without a command, as for --help, and to complete a line it has them all.
    """
    named = arguments[0] if arguments else ""
    is_one = named in COMMANDS
    for shell in () if is_one else SCRIPTS:  # what --install-completion writes
        _completion_shared._completion_scripts[shell] = script(shell)  # noqa: SLF001
    app = typer.Typer(
        cls=Group,
        name="gradcli",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=not is_one,  # --install-completion comes without a command
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    for command in [COMMANDS[named]] if is_one else COMMANDS.values():
        declare = app.command(command.name, cls=OperandCommand)
        declare(_asking(command))
    return typer.main.get_command(app)


def request(arguments: list[str]) -> Invocation | int:
    """Return what the words ask for; a number is an exit code, when help was all they asked for.

    Raises UsageError for words that Typer cannot make sense of.
    """
    if os.environ.get("_GRADCLI_COMPLETE") == "words":
        typer.echo("\n".join(_proposals(os.environ.get("GRADCLI_LINE", ""))))
        return 0
    if not arguments:
        raise UsageError(_SHORT_HELP)
    if arguments[0] == "--show-completion" and len(arguments) > 1:
        typer.echo(script(arguments[1]))
        return 0
    if arguments[:1] == ["help"] and arguments[1:2] and arguments[1] in COMMANDS:
        arguments = [arguments[1], "--help"]
    try:
        answer = program(arguments).main(arguments, prog_name="gradcli", standalone_mode=False)
    except TyperException as problem:
        raise _usage_error(problem) from None
    except SystemExit as end:  # Typer's answer when the reader of its help went away
        if end.code == 1:
            return ExitCode.BROKEN_PIPE
        raise
    if isinstance(answer, Invocation):
        return answer
    if sys.stdout is None:
        message = "stdout is closed"
        raise GradcliError(message)
    return int(answer or 0)


def script(shell: str) -> str:
    """Return what makes a shell complete the words of gradcli. Raises UsageError."""
    check_word("--show-completion", shell, list(SCRIPTS))
    return Path(__file__).with_name("shells").joinpath(SCRIPTS[shell]).read_text("utf-8")


def _proposals(line: str) -> list[str]:
    """Return what the last word of an unfinished line may become.

    Behind the only proposal a shell closes the word; where it goes on, a second proposal prevents
    that: behind a parenthesis or an equals sign, and within a formula in quotes.
    """
    words = split_arg_string(line)
    try:
        is_closed = bool(shlex.split(line)) and line[-1:].isspace()
        goes_on = False
    except ValueError:  # a quote is open
        is_closed, goes_on = False, True
    unfinished = "" if is_closed or not words else words.pop()
    found = completions(words[1:], unfinished)
    if len(found) == 1 and (goes_on or found[0].endswith(("(", "=", "/"))):
        return [found[0], found[0] + " "]
    return found


def completions(words: list[str], unfinished: str) -> list[str]:
    """Return what the unfinished last word of a command line may become."""
    reader = BashComplete(program([]), {}, "gradcli", "")
    return [item.value for item in reader.get_completions(words, unfinished)]


def _usage_error(problem: TyperException) -> UsageError:
    """Return Typer's complaint as ours: one sentence and a repair."""
    from gradcli.cli.operands import command_hint, option_hint
    from gradcli.language.names import is_name
    from gradcli.language.parser import finding

    context = getattr(problem, "ctx", None)
    path = context.command_path if context else "gradcli"
    hint = f"see {path} --help"
    option = getattr(problem, "option_name", None)
    kind = type(problem).__name__
    if kind == "NoSuchOption" and context is not None:
        known = [name for p in context.command.get_params(context) for name in p.opts]
        all_options = {name: command.options for name, command in COMMANDS.items()}
        message = f"{path} has no option {printable(str(option), 60)}"
        return UsageError(message, hint=option_hint(str(option), known, all_options) or hint)
    sentence = problem.format_message().rstrip(".")
    found = re.match(r"No such command '(.*?)'(?:\.|$)", sentence, re.DOTALL)
    if found:
        message = f"there is no command '{printable(found[1], 60)}'"
        others = f"the commands are {', '.join(COMMANDS)}"
        if not is_name(found[1]) and finding(found[1]) is None and len(found[1]) <= 60:
            others = f"for its value: gradcli eval {shlex.quote(found[1])}"
        return UsageError(message, hint=command_hint(found[1], COMMANDS) or others)
    return UsageError(sentence[:1].lower() + sentence[1:], hint=hint)
