"""gradcli help, the pages of the manual and what is known of each function; and --help.

In a pipe --help is plain text, on a terminal panels; man pages say the same.
"""

from __future__ import annotations

import shlex
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

from gradcli import manual
from gradcli.cli.commands import COMMANDS
from gradcli.cli.output import Output, listed, width
from gradcli.errors import ExitCode, UsageError, printable
from gradcli.language.names import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from gradcli.cli.commands import Command
    from gradcli.cli.options import Help
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


def run(words: Sequence[str], options: Help) -> ExitCode:
    """Print the topics, a page, or what is known of a function. Raises UsageError."""
    commands = {name: command.help for name, command in COMMANDS.items()}
    output = Output(options)
    functions = manual.functions()
    word = "-".join(words)
    with output:
        if not word:
            _topics(commands, output)
        elif word in manual.topics():
            _page(word, functions, output)
        elif word in functions:
            _function(manual.function(word), output)
        elif len(words) > 1:
            message = "help takes one topic"
            raise UsageError(message, hint=f"for example gradcli help {words[0]}")
        else:
            message = f"there is no topic or function '{printable(word, 60)}'"
            raise UsageError(message, hint=_where_to_read(word, [*commands, *functions]))
    return ExitCode.DONE


def _where_to_read(word: str, known: Sequence[str]) -> str:
    """Return where to read about a word that is neither a topic nor a function."""
    topic = suggestion(word, manual.topics())
    pages = [] if topic else manual.mentions(word)
    close = topic or suggestion(word, known)
    found = [f"gradcli help {pages[0]} speaks of it"] if pages else []
    found += [f"did you mean '{close}'?"] if close else []
    return ", or ".join(found) or "gradcli help lists the topics"


def _topics(commands: Mapping[str, str], output: Output) -> None:
    topics = manual.topics()
    if output.json:
        output.document({"commands": commands, "topics": topics})
        return
    titles = [(topic, title[:1].lower() + title[1:]) for topic, title in topics.items()]
    size = max(map(len, [*topics, *commands]))
    for heading, rows in (
        ("gradcli COMMAND 'FORMULA' NAME=VALUE …, the formula in single quotes:", commands.items()),
        ("gradcli COMMAND --help lists the options. gradcli help TOPIC has more:", titles),
    ):
        output.line(heading)
        for line in listed(rows, size, min(width(), 100)):
            output.line(line)
    output.line("gradcli help FUNCTION, such as gradcli help lgamma, explains a function.")


def _page(topic: str, functions: dict[str, Any], output: Output) -> None:
    text = manual.page(topic)
    if output.json:
        content: dict[str, Any] = {"topic": topic, "text": text}
        if topic == "functions":
            content["functions"] = [manual.function(name) for name in functions]
        elif found := manual.choices(topic):
            content[topic] = found
        output.document(content)
        return
    # A picture is a file of the project, not of the installed package.
    lines = [line for line in text.splitlines() if not line.startswith("![")]
    if not output.pretty:
        for line in lines:
            output.line(line)
        return
    from rich.markdown import Markdown

    page = Markdown("\n".join(_aligned(lines)), code_theme="ansi_dark")
    output.line(output.rendered(page))


def _aligned(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines, those of a table with tabs in columns as wide as a terminal would make them."""
    for has_tabs, group in groupby(lines, lambda line: "\t" in line):
        rows = [line.split("\t") for line in group]
        if not has_tabs:
            yield from (row[0] for row in rows)
            continue
        sizes = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
        for row in rows:
            cells = (cell.ljust(size) for cell, size in zip(row, sizes, strict=False))
            yield "  ".join(cells).rstrip()


def _function(row: dict[str, Any], output: Output) -> None:
    if output.json:
        output.document(row)
        return
    output.line(f"{', '.join(row['written'])}: {row['what']}")
    if row["needs"]:
        output.line(f"needs {row['needs']}")
    for name, derivative in row["derivatives"].items():
        numbers = f" (of {manual.ENTRIES} numbers)" if row["shape"] else ""
        known = "is not known" if derivative is None else f"= {derivative}{numbers}"
        output.line(f"∂/∂{name} {known}")
    for remark in row["remarks"]:
        output.line(remark)
    if row["example"]:
        output.line(f"gradcli eval {shlex.quote(row['example'])} gives {row['value']}")


# ---------------------------------------------------------------- --help


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


def of_program() -> str:
    """Return what --help says of the program."""
    sections = {
        "Commands": [(name, command.help) for name, command in COMMANDS.items()],
        "Options": list(PROGRAM_OPTIONS),
        "Exit codes": list(EXIT_CODES),
    }
    return "".join(_sections("gradcli COMMAND ...", [SUMMARY, ABOUT], sections))


def _sections(
    usage: str, paragraphs: Sequence[str], sections: Mapping[str, Sequence[tuple[str, str]]]
) -> Iterator[str]:
    """Yield the parts of a page: in a pipe plain text, on a terminal panels of Rich."""
    import textwrap

    output = Output()
    room = min(width(), 100)
    yield f"Usage: {usage}\n\n"
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
