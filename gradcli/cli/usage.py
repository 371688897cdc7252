"""What --help says: in a pipe plain text, on a terminal panels; man pages say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.cli.output import Output, listed, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from gradcli.cli.commands import Command
    from gradcli.options import Option

SUMMARY = "The command-line calculator that knows its derivatives."
ABOUT = (
    "Alone on a terminal it opens a prompt. gradcli COMMAND --help has the options of a command, "
    "and gradcli help the topics of the manual. Put the formula in single quotes: "
    "gradcli eval 'log(x^2 + sin(3*x*y))' x=2 y=3"
)
EXIT_CODES = (
    ("0", "done"),
    ("1", "the run failed: mathematics, data, files"),
    ("2", "the words are wrong: formula, names, values, options"),
    ("3", "minimize did not converge"),
    ("130", "Ctrl-C"),
)
PROGRAM_OPTIONS = (
    ("--version", "Print the version."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion [SHELL]", "Print completion for bash, zsh or fish."),
    ("-h, --help", "Show this message and exit."),
)
"""The options of the program itself."""


def usage(command: Command) -> str:
    """Return how a command is called."""
    return f"gradcli {command.name} {command.operands} [OPTIONS]"


def groups(command: Command) -> dict[str, list[tuple[str, str]]]:
    """Return the options of a command in their groups: how each is written, and what it does."""
    found: dict[str, list[tuple[str, str]]] = {}
    for option in command.options.records().values():
        found.setdefault(option.group, []).append((written(option), option.help))
    found.setdefault("Output", []).append(("-h, --help", "Show this message and exit."))
    return found


def written(option: Option[Any]) -> str:
    """Return how an option is written: -o, --output FILE."""
    return f"{', '.join(option.flags)} {option.metavar}".strip()


def of_command(command: Command) -> str:
    """Return what --help says of a command."""
    sections = {**groups(command), "Examples": [(each, "") for each in command.examples]}
    return "".join(_sections(usage(command), [command.help, command.about], sections))


def of_program(commands: Mapping[str, Command]) -> str:
    """Return what --help says of the program."""
    sections = {
        "Commands": [(name, command.help) for name, command in commands.items()],
        "Options": list(PROGRAM_OPTIONS),
        "Exit codes": list(EXIT_CODES),
    }
    return "".join(_sections("gradcli COMMAND ...", [SUMMARY, ABOUT], sections))


def _sections(
    how: str, paragraphs: Sequence[str], sections: Mapping[str, Sequence[tuple[str, str]]]
) -> Iterator[str]:
    """Yield the parts of a page: in a pipe plain text, on a terminal panels of Rich."""
    import textwrap

    output = Output()
    room = min(width(), 100)
    yield f"Usage: {how}\n\n"
    for paragraph in paragraphs:
        yield textwrap.fill(paragraph, room, initial_indent="  ", subsequent_indent="  ") + "\n\n"
    for title, rows in sections.items():
        if output.pretty:
            yield output.rendered(_panel(title, rows))
            continue
        yield f"{title}:\n"
        size = min(max(len(left) for left, _ in rows), 24)
        yield from (line + "\n" for line in listed(rows, size, room))
        yield "\n"


def _panel(title: str, rows: Sequence[tuple[str, str]]) -> RenderableType:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for left, right in rows:
        cells = [Text(left, "cyan"), Text(right)] if right else [Text(left)]
        table.add_row(*cells)
    return Panel(table, title=title, title_align="left", border_style="dim")
