"""The commands, and the reading of their words where there is nothing to explain."""

from __future__ import annotations

import os
from importlib import import_module

from gradcli.cli.arguments import separated
from gradcli.cli.options import Draw, Eval, Grad, Help, Minimize
from gradcli.options import speak_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gradcli.errors import ExitCode
    from gradcli.options import Options


FORMULA = """\
Put the formula in single quotes; - reads formulas from stdin, one a line, and @FILE from a file. \
Behind it stands NAME=VALUE for each of its names: a number or a formula of numbers (x=1/3), an \
array (x='[1, 2]'), a range start:stop:step (x=0:1:0.1) or random numbers (w='normal(3)')."""
"""What help says of the words of a command that takes a formula."""

START = """\
Put the formula in single quotes; @FILE reads it from a file. Behind it stands NAME=START for each \
parameter that moves: a number, an array (w='zeros(3)') or random numbers (w='normal(3)'). Names \
that are columns of --data are data, and y ~ a*x + b is a model to be fitted to them. Without \
--method the best one is chosen; --lr asks for plain gradient descent."""
"""What help says of the words of minimize."""

TOPIC = "gradcli help lists the topics. gradcli help functions lists the functions."
"""What help says of the words of help."""


class Command:
    """A command: its name, its options, what help says, and what it does."""

    def __init__(
        self,
        name: str,
        options: type[Options],
        help_: str,
        examples: Sequence[str],
        about: str = FORMULA,
        operands: str = "'FORMULA' [NAME=VALUE]...",
    ) -> None:
        self.name = name
        self.options = options
        self.help = help_
        self.examples = examples
        self.about = about
        self.operands = operands
        """What stands behind the name of the command."""

    def run(self, words: Sequence[str], options: Options) -> ExitCode:
        """Do it: call `run` of the module of that name, which is loaded only now."""
        code: ExitCode = import_module(f"gradcli.cli.{self.name}").run(words, options)
        return code


class Invocation:
    """A command with its operands and the texts of its options by field."""

    def __init__(self, command: Command, operands: list[str], texts: dict[str, Any]) -> None:
        self.command = command
        self.operands = operands
        self.texts = texts

    def run(self) -> ExitCode:
        """Run the command. Raises UsageError for an option that is wrong, in its words."""
        records = self.command.options.records()
        speak_of(self.command.options)
        try:
            options = self.command.options.typed(self.texts)
            if any(records[field].file == "write" for field in self.texts):
                from gradcli.cli.data import check_files

                check_files(options, self.operands)
            return self.command.run(self.operands, options)
        finally:
            speak_of(None)


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "eval",
            Eval,
            "Print the value of a formula.",
            (
                "gradcli eval '2^10'",
                "gradcli eval 'u = 3*x*y; log(x^2 + sin(u))' x=2 y=3 --trace",
                "gradcli eval 'f(t) = t^2 + 1; f(x)/x' x=1:3:0.5",
                "gradcli eval 'mean(a*x - y)' a=2 --data points.csv",
                "gradcli eval 'sin(x)/x' x=-20:20:0.1 --plot -",
            ),
        ),
        Command(
            "grad",
            Grad,
            "Print the value and the derivative with respect to each name; without values, the "
            "derivatives as formulas.",
            (
                "gradcli grad 'x*exp(-x)'",
                "gradcli grad 'log(x^2 + sin(3*x*y))' x=2 y=3",
                "gradcli grad 'log(x^2 + sin(3*x*y))' x=2 y=3 --nodes",
                "gradcli grad '(1-x)^2 + 100*(y-x^2)^2' x=-1.2 y=1 --hessian",
            ),
        ),
        Command(
            "minimize",
            Minimize,
            "Go down to a minimum from a start; with data, fit a model to them.",
            (
                "gradcli minimize '(1-x)^2 + 100*(y-x^2)^2' x=-1.2 y=1",
                "gradcli minimize 'a^2 - 10*a + 28' a=6 --lr 0.1 --steps 20",
                "gradcli minimize 'y ~ a*exp(-b*x)' a=1 b=0.1 --data points.csv",
                "gradcli minimize 'mean((a*x - y)^2)' a=0 --data points.csv --batch 2 --epochs 5",
            ),
            START,
        ),
        Command(
            "draw",
            Draw,
            "Draw the graph: values, gradients and local derivatives; without values, the "
            "structure.",
            (
                "gradcli draw 'log(x^2 + sin(3*x*y))' x=2 y=3 -o graph.svg",
                "gradcli draw 'log(x^2 + sin(3*x*y))' x=2 y=3 -o lesson.html",
            ),
        ),
        Command(
            "help",
            Help,
            "Explain a topic or a function; without one, list the topics.",
            ("gradcli help fits", "gradcli help lgamma"),
            TOPIC,
            "[TOPIC | FUNCTION]",
        ),
    )
}


def plain(words: Sequence[str]) -> Invocation | None:
    """Return what correct words ask for; None where Typer is to explain, propose or complain."""
    named = words[0] if words else ""
    if len(words) < 2 or named not in COMMANDS or words[1] in COMMANDS:
        return None
    if os.environ.get("GRADCLI_NO_FAST") or "_GRADCLI_COMPLETE" in os.environ:
        return None
    command = COMMANDS[named]
    records = {
        name: option for option in command.options.records().values() for name in option.flags
    }
    values = {name for name, option in records.items() if option.values is not None}
    operands, typed = separated(words[1:], values)
    texts: dict[str, Any] = {}
    for word, *following in typed:
        name, equals, text = word.partition("=")
        option = records.get(name)
        if option is None or (name in values) != bool(equals or following):
            return None
        value: Any = text if equals else following[0] if following else True
        if option.many:
            texts.setdefault(option.field, []).append(value)
        else:
            texts[option.field] = value
    return Invocation(command, operands, texts)
