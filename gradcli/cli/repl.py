"""The prompt: `gradcli` alone on a terminal. Names, functions and `ans` stay from line to line.

A line is a formula, a definition, or a word with its operands and options: those of the command
line (grad, minimize, draw, eval), `plot`, and the words of the prompt itself. A name that is
defined by a formula of others stands for that formula, so that derivatives pass through it.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from gradcli.cli import arguments
from gradcli.cli.batch import statements
from gradcli.cli.output import Output, complain, error, say_notes, width
from gradcli.errors import (
    ExitCode,
    FormulaError,
    GradcliError,
    NameValueError,
    Terminated,
    UsageError,
    printable,
)
from gradcli.formula import parse
from gradcli.graph.literals import value_text
from gradcli.language.bindings import binding
from gradcli.language.names import CONSTANTS, is_function, is_name, names_in
from gradcli.language.scanner import SCANNER
from gradcli.records import NamedTuple
from gradcli.values import shape_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from gradcli.cli.arguments import Problem
    from gradcli.cli.commands import Invocation

PROMPT = "> "
WELCOME = "a formula, NAME = VALUE, or a word: help, vars, grad, minimize, draw, plot, save, quit"
ANSWER = "ans"
"""The name of the last value."""

HISTORY_LINES = 2000
"""The most lines of earlier sessions that are kept."""

OWN_WORDS = ("help", "vars", "save", "quit")
"""The words of the prompt itself."""

COMMANDS = ("grad", "minimize", "draw", "eval", "plot")
"""The words that stand for commands; plot is eval --plot."""


class Definition(NamedTuple):
    """A name or function that was defined by a formula, and the names that the formula uses."""

    text: str
    uses: set[str]


class Session:
    """What stays from line to line."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        """The names that have a number, an array or a range."""
        self.errors: dict[str, Any] = {}
        """The standard errors of those that have one."""
        self.typed: dict[str, str] = {}
        """Their values as a word of the command line has them."""
        self.definitions: dict[str, Definition] = {}
        self.formula = ""
        """The last formula."""
        self._draws = arguments.Draws(0)

    def known(self) -> list[str]:
        """Return all names that mean something."""
        return [*self.values, *self.definitions]

    # ------------------------------------------------------------ lines

    def take(self, line: str) -> None:
        """Answer a line. Raises GradcliError."""
        line = line.strip().removeprefix("$ ").removeprefix("gradcli ").strip()
        word, _, rest = line.partition(" ")
        own: dict[str, Callable[[str], None]] = {"help": _help, "vars": self._vars}
        own |= {"save": self._save, **dict.fromkeys(("quit", "exit", "quit()", "exit()"), _quit)}
        is_word = word not in self.known() and not rest.lstrip().startswith("=")
        if is_word and word in own:
            own[word](rest.strip())
        elif is_word and word in COMMANDS:
            self._command(word, rest)
        else:
            try:
                for part in parts_of(line):
                    self._statement(part)
            except FormulaError:
                if not _has_options(line):
                    raise
                message = "options stand behind a word"
                raise UsageError(message, hint=f"write eval {line}") from None

    def _statement(self, text: str) -> None:
        head, body = _definition(text)
        if not head:
            self._answer(text)
            return
        name, *parameters = head
        uses = {used for used in names_in(body) - set(parameters) if self._is_free(used)}
        if not parameters and not uses:
            self._bind(name, body)
            return
        with_needed, before = self._with_needed(text, uses - {name})
        call = f"{name}({', '.join(parameters)})" if parameters else name
        if parameters and name in before | uses:
            message = f"{name} would be defined by itself"
            raise NameValueError(message, source=text, span=(0, len(text)))
        if parameters:
            parse(f"{with_needed}\n{call}")  # raises for a body that cannot be read
        elif name in before | uses:  # x = x + 1: what it is now
            if self._problem(body).errors:
                message = f"{name} has a standard error, which the new value would not have"
                raise NameValueError(message, hint=f"give another name, or {name} = 1.0±0.1")
            self._set(name, self._problem(body).at_values().value)
            return
        else:
            problem = self._problem(f"{text}\n{call}")
            if not problem.formula.free_names:
                self._set(name, problem.at_values().value)
                return
        self.values.pop(name, None)
        self.errors.pop(name, None)
        self.definitions.pop(name, None)
        self.definitions[name] = Definition(text, uses)
        if not parameters:
            self.formula = name
            if all(used in problem.values for used in problem.formula.free_names):
                self._show(problem)

    def _is_free(self, name: str) -> bool:
        return name in self.known() or not (is_function(name) or name in CONSTANTS)

    def _bind(self, name: str, text: str) -> None:
        bound = binding(f"{name}={text}")
        value, errors = arguments.without_errors({name: arguments.value(bound, self._draws)})
        self._set(name, value[name])
        self.errors |= errors
        if bound.built is None or not bound.built.draws:
            self.typed[name] = text

    def _set(self, name: str, value: Any) -> None:
        binding(f"{name}=1")  # raises for a name that cannot have a value
        self.definitions.pop(name, None)
        self.errors.pop(name, None)
        self.values[name] = value
        self.typed[name] = "" if hasattr(value, "listed") else value_text(value, -1)

    def _answer(self, text: str) -> None:
        problem = self._problem(text)
        self.formula = text
        self._show(problem)

    def _show(self, problem: Problem) -> None:
        """Print the value, and below it the gradient with respect to the names with values."""
        from gradcli.cli.eval import show_value

        with Output() as output:
            if problem.ranges:
                from gradcli.cli import tables

                tables.show(problem, output)
                return
            point = problem.at_values(output)
            show_value(problem, point, output)
            self._set(ANSWER, point.value)
            names = [name for name in problem.values if name != ANSWER]
            if names and not problem.formula.graph.shape(problem.formula.id):
                try:
                    slopes = point.gradient(names)
                    said = ", ".join(f"∂/∂{n} = {output.cell(slopes[n])}" for n in names)
                except GradcliError as problem_there:
                    said = problem_there.message
                said = said if len(said) <= width() else said[: width() - 1] + "…"
                output.line(f"\x1b[90m{said}\x1b[0m" if output.colored else said)
        if names and not problem.errors:  # with errors they are said
            say_notes(point.notes(names))

    # ------------------------------------------------------------ formulas of the session

    def _with_needed(self, text: str, uses: Iterable[str]) -> tuple[str, set[str]]:
        """Return the text below the definitions that it needs, and all names that are used."""
        order: list[str] = []
        seen: set[str] = set()
        waiting = [(name, False) for name in uses]
        while waiting:
            name, is_ready = waiting.pop()
            if is_ready:
                order.append(self.definitions[name].text)
            elif name not in seen:
                seen.add(name)
                if name in self.definitions:
                    waiting.append((name, True))
                    waiting += [(used, False) for used in self.definitions[name].uses]
        return "\n".join([*order, text]), seen

    def _problem(self, text: str) -> Problem:
        """Return the formula with the values that the session has for its names."""
        source, used = self._with_needed(text, names_in(text))
        known = {name: self.values[name] for name in used if name in self.values}
        problem = arguments.problem_of(source, {}, optional=known)
        own = problem.formula.free_names
        problem.errors = {name: self.errors[name] for name in own if name in self.errors}
        if problem.errors:
            from gradcli.cli.uncertain import Errors

            problem.known = Errors()
        return problem

    # ------------------------------------------------------------ words

    def _command(self, word: str, rest: str) -> None:
        """Run a command of the command line, with the values that the session has."""
        from gradcli.cli.typer_program import request

        formula, others = _operands(rest)
        formula = formula or self.formula
        if not formula and "--help" not in others:
            message = f"there is no formula for {word} yet"
            raise UsageError(message, hint=f"for example {word} x^2")
        source, used = self._with_needed(formula, names_in(formula))
        taken = {other.partition("=")[0] for other in others if "=" in other} | _columns(others)
        shapes = {n: shape_of(self.values[n]) for n in used if n in self.values}
        with suppress(GradcliError):  # what it is will be said by the command
            used = set(parse(source, shapes).free_names) | (used if taken else set())
        pairs = [
            f"{name}={self.typed[name]}"
            for name in self.values
            if name in used and name not in taken
        ]
        if word == "plot":
            others = others if "--plot" in others else [*others, "--plot", "-"]
        invocation = request(["eval" if word == "plot" else word, source, *pairs, *others])
        self.formula = formula
        _run(invocation)

    def _vars(self, _: str) -> None:
        for line in self.lines():
            print(printable(line, width()))  # noqa: T201

    def lines(self) -> Iterator[str]:
        """Yield the values and definitions as lines that give them again."""
        for name, text in self.typed.items():
            if name in self.values:
                yield f"{name} = {text}"
        for definition in self.definitions.values():
            yield definition.text

    def _save(self, path: str) -> None:
        if not path:
            message = "no name of a file stands behind save"
            raise UsageError(message, hint="save session.txt writes the names and the formula")
        from gradcli.data import parameters

        if path.endswith(parameters.ENDINGS):
            kept = {n: v for n, v in self.values.items() if not hasattr(v, "listed")}
            about = {}
            if self.errors:
                from gradcli.uncertainty.propagation import inputs

                about["covariance"] = inputs(self.errors).document()
            parameters.save(path, kept, about)
            return
        from gradcli.data import files

        formula = [self.formula] if self.formula else []
        with files.writing(path) as file:
            file.write("".join(line + "\n" for line in [*self.lines(), *formula]))


def parts_of(line: str) -> list[str]:
    """Return the parts of a line between its semicolons; comments are left out."""
    tokens = SCANNER.scan(line)
    return [
        line[tokens.span(start)[0] : tokens.span(end - 1)[1]]
        for start, end in statements(tokens)
        if end > start
    ]


def _has_options(line: str) -> bool:
    """Return whether options of eval stand in a line that begins with no word."""
    from gradcli.cli.options import Eval

    words = {word.partition("=")[0] for word in line.split() if word.startswith("--")}
    return any(words & {*record.flags} for record in Eval.records().values())


def _definition(text: str) -> tuple[list[str], str]:
    """Return the defined name with its parameters, and its formula; no names for a formula."""
    tokens = SCANNER.scan(text)
    kinds = "".join(kind + " " for kind in tokens.kinds)
    head = re.match(r"NAME (?:LPAR NAME (?:COMMA NAME )*RPAR )?EQUALS ", kinds)
    if head is None:
        return [], text
    equals = head[0].count(" ") - 1
    names = [word for word in tokens.texts[:equals] if is_name(word)]
    return names, text[tokens.span(equals)[1] :].strip()


def _operands(rest: str) -> tuple[str, list[str]]:
    """Return the formula of a command, its blanks kept, and the words behind it."""
    import shlex

    try:
        words = shlex.split(rest)
    except ValueError:
        message = "a quote is not closed"
        raise UsageError(message, source=rest, span=(len(rest), len(rest) + 1)) from None
    is_value = re.compile(r"[^\W\d]\w*=(?!=)").match
    ends = (i for i, word in enumerate(words) if arguments.is_option(word) or is_value(word))
    end = next(ends, len(words))
    return " ".join(words[:end]), words[end:]


def _columns(words: Sequence[str]) -> set[str]:
    """Return the names of the columns of --data, which take the place of the session's."""
    from gradcli.cli.completion import columns

    files = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "--data"]
    return {name for file in files for name in columns(file)}


def _help(topic: str) -> None:
    from gradcli.cli.typer_program import request

    _run(request(["help", *topic.split()]))


def _run(invocation: Invocation | int) -> None:
    """Run what was asked for; a number is the exit code of what has been done."""
    if not isinstance(invocation, int):
        try:
            invocation.run()
        except GradcliError as problem:
            if "json" not in invocation.texts:
                raise
            error(problem, json=True)


def _quit(_: str) -> None:
    raise EOFError


# ---------------------------------------------------------------- the terminal


def at_prompt(line: str, text: str, names: list[str]) -> list[str]:
    """Return what the text that ends a line of the prompt may become."""
    from gradcli.cli import completion

    first, *rest = line.split() or [""]
    if not first:
        starts = [word for word in (*OWN_WORDS, *COMMANDS) if word.startswith(text)]
        return [*starts, *completion.within(text, names)]
    if first == "help":
        return completion.help_words(text)
    if first == "save":
        return completion.paths(text)
    is_operand = not text.startswith("-") and not line.rstrip().rpartition(" ")[2].startswith("--")
    if first not in COMMANDS or is_operand:
        return completion.within(text, names)
    from gradcli.cli.typer_program import completions

    command = "eval" if first == "plot" else first
    found = completions([command, *rest], text)
    return found or completion.paths(text)


def run(unknown: Callable[[Exception], GradcliError], forget: Callable[[], None]) -> ExitCode:
    """Read lines until the end of the input; an error or Ctrl-C only ends what it met.

    `unknown` puts into a sentence what nobody expected, and `forget` the signal that came.
    """
    session = Session()
    remember = _readline(session)
    if Output().colored:
        print(f"\x1b[90m{WELCOME}\x1b[0m")  # noqa: T201
    else:
        print(WELCOME)  # noqa: T201
    while True:
        try:
            line = input(PROMPT)
            remember(line)
            for part in line.split("\n"):  # a block that was pasted
                _answered(session, part, unknown)
        except EOFError:
            print()  # noqa: T201
            return ExitCode.DONE
        except KeyboardInterrupt as end:
            if isinstance(end, Terminated) and end.code != ExitCode.INTERRUPTED:
                raise
            forget()
            print()  # noqa: T201


def _answered(session: Session, line: str, unknown: Callable[[Exception], GradcliError]) -> None:
    try:
        session.take(line)
    except GradcliError as problem:
        error(problem)
    except (BrokenPipeError, EOFError):
        raise
    except Exception as problem:
        if os.environ.get("GRADCLI_DEBUG"):
            raise
        error(unknown(problem))


def _readline(session: Session) -> Callable[[str], None]:
    """Set up editing, completion and the history; return what keeps a line."""
    try:
        import readline
    except ImportError:  # no history and no TAB
        return _forgotten
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            line = readline.get_line_buffer()[: readline.get_begidx()]
            found[:] = at_prompt(line, text, session.known())
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n()[]+*/^,;=<>!@&|~'\"")
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    path = _history()
    if path is None:
        return _forgotten
    try:
        lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
        if len(lines) > HISTORY_LINES:
            lines = lines[-HISTORY_LINES // 2 :]
            path.write_text("".join(line + "\n" for line in lines), "utf-8")
        for line in lines:
            readline.add_history(line)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(handle, 0o600)
    except OSError as problem:
        complain(f"note: the history is not kept: {(problem.strerror or str(problem)).lower()}")
        return _forgotten

    def remember(line: str) -> None:
        if line.strip():
            with suppress(OSError):
                os.write(handle, (line.replace("\n", "; ") + "\n").encode("utf-8", "replace"))

    return remember


def _forgotten(line: str) -> None:
    """Take a line that is not to be kept."""


def _history() -> Any:
    """Return the path of the history: in the state folder of XDG; None if it is not wanted."""
    from pathlib import Path

    if os.environ.get("GRADCLI_HISTORY") == "0":
        return None
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "gradcli" / "history"
