"""gradcli help: the pages of the manual, and what is known of each function."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from gradcli import manual
from gradcli.cli.output import Output
from gradcli.errors import ExitCode, UsageError, printable
from gradcli.language.names import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.cli.options import Help


def show(words: Sequence[str], options: Help, commands: Mapping[str, str]) -> ExitCode:
    """Print the topics, a page, or what is known of a function. Raises UsageError.

    `commands` are those of the program, with what each does.
    """
    output = Output(json=options.json, color=options.color)
    functions = manual.functions()
    word = words[0] if words else None
    if len(words) > 1:
        message = "help takes one topic"
        raise UsageError(message, hint=f"for example gradcli help {words[0]}")
    with output:
        if word is None:
            _topics(commands, output)
        elif word in manual.topics():
            _page(word, functions, output)
        elif word in functions:
            _function(manual.function(word), output)
        else:
            close = suggestion(word, [*commands, *manual.topics(), *functions])
            message = f"there is no topic or function '{printable(word, 60)}'"
            hint = f"did you mean '{close}'?" if close else "gradcli help lists the topics"
            raise UsageError(message, hint=hint)
    return ExitCode.DONE


def _topics(commands: Mapping[str, str], output: Output) -> None:
    topics = manual.topics()
    if output.json:
        output.document({"commands": commands, "topics": topics})
        return
    size = max(map(len, [*topics, *commands]))
    output.line("gradcli COMMAND 'FORMULA' NAME=VALUE …, the formula in single quotes:")
    for command, what in commands.items():
        output.line(f"  {command:{size}}  {what}")
    output.line("gradcli COMMAND --help lists the options. gradcli help TOPIC has more:")
    for topic, title in topics.items():
        output.line(f"  {topic:{size}}  {title[:1].lower() + title[1:]}")
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

    output.line(output.rendered(Markdown("\n".join(lines), code_theme="ansi_dark")))


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
