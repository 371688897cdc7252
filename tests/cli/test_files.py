"""Files that are read and files that are written: whole, or not at all."""

from __future__ import annotations

import itertools
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradcli.cli import arguments

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside

DESCENT = ("minimize", "(a - 1/3)^2 + sin(b)", "a=2/3", "b=-0.1", "--lr", "0.07", "--steps", "30")
COLUMNS = ["step", "value", "a", "b", "gradient_norm", "learning_rate"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ------------------------------------------------------------ --log


def csv_records(path: Path) -> list[dict[str, float]]:
    header, *rows = path.read_bytes().decode("ascii").removesuffix("\n").split("\n")
    assert header.split(",") == COLUMNS
    return [dict(zip(COLUMNS, map(float, row.split(",")), strict=True)) for row in rows]


def jsonl_records(path: Path) -> list[dict[str, float]]:
    rows = path.read_bytes().decode("ascii").removesuffix("\n").split("\n")
    records: list[dict[str, float]] = [json.loads(row) for row in rows]
    assert all(list(record) == COLUMNS for record in records)
    return records


def test_log(folder: Path, inside: Inside) -> None:
    ran = inside([*DESCENT, "--log", "log.csv", "--every", "1"])
    assert inside([*DESCENT, "--log", "log.jsonl", "--json"]).code == 0
    records = csv_records(folder / "log.csv")
    printed = [dict(zip(COLUMNS, map(float, row), strict=True)) for row in ran.rows[1:]]

    assert records == jsonl_records(folder / "log.jsonl") == printed
    assert [record["step"] for record in records] == list(range(31))
    assert (records[0]["a"], records[0]["b"]) == (2 / 3, -0.1)
    assert {record["learning_rate"] for record in records} == {0.07}
    for record, following in itertools.pairwise(records):
        assert following["a"] == record["a"] - 0.07 * (2 * (record["a"] - 1 / 3))


def test_log_holds_every_step_however_many_are_shown(folder: Path, inside: Inside) -> None:
    ran = inside([*DESCENT, "--log", "log.csv", "--every", "10", "--digits", "3"])

    assert [row[0] for row in ran.rows] == ["step", "0", "10", "20", "30"]
    assert len(csv_records(folder / "log.csv")) == 31


def test_log_of_a_run_that_diverges(folder: Path, inside: Inside) -> None:
    words = ["minimize", "x^2", "x=1", "--lr", "100", "--log", "log.csv"]

    assert inside(words).code == 3
    *_, last = (folder / "log.csv").read_text().splitlines()
    assert "inf" not in last
    assert "nan" not in last


@pytest.mark.parametrize(
    "words",
    [
        ("minimize", "log(x)", "x=-1"),
        ("minimize", "log(x", "x=1"),
        ("minimize", "x^2", "x=1", "--lr", "0"),
        ("minimize", "x^2", "x=1", "--method", "nosuch"),
        ("minimize", "x^2"),
    ],
)
def test_a_run_that_fails_keeps_the_old_log(
    folder: Path, inside: Inside, words: tuple[str, ...]
) -> None:
    (folder / "log.csv").write_text("old")

    assert inside([*words, "--log", "log.csv"]).code in {1, 2}
    assert (folder / "log.csv").read_text() == "old"
    assert names(folder) == ["log.csv"]


@pytest.mark.parametrize("name", ["log", "log.txt", "log.csv.gz", "", ".", "csv"])
def test_log_needs_a_known_ending(folder: Path, inside: Inside, name: str) -> None:
    ran = inside([*DESCENT, "--log", name])

    assert (ran.code, ran.out) == (2, "")
    assert ".jsonl" in ran.err
    assert names(folder) == []


# Python would leave half a file of bytecode behind as well.
LIMITED = 'export PYTHONDONTWRITEBYTECODE=1; ulimit -f {}; exec "$@"'


@pytest.mark.parametrize("blocks", [1, 8])
def test_the_disk_fills_up(gradcli: Command, blocks: int) -> None:
    """The shell's limit on the size of a file stands for it; 512 bytes a block."""
    log = gradcli.folder / "log.csv"
    log.write_text("old")
    words = [*DESCENT[:-1], "3000", "--tol", "0", "--log", "log.csv", "--json"]
    ran = gradcli.shell(LIMITED.format(blocks), *words)

    assert (ran.code, ran.out) == (1, "")
    assert json.loads(ran.err)["error"]["message"] == "cannot write 'log.csv': file too large"
    assert log.stat().st_size == 512 * blocks, "what was made before is kept"
    assert log.read_text().startswith("step,value,a,b,gradient_norm,learning_rate\n0,")
    assert names(gradcli.folder) == ["log.csv"]


def test_the_disk_fills_up_at_the_end(gradcli: Command) -> None:
    """What fits the buffer is written only when the file is closed."""
    (gradcli.folder / "out.csv").write_text("old")
    words = ["eval", "1/x", "x=1:60:1", "--csv", "-o", "out.csv"]
    ran = gradcli.shell(LIMITED.format(1), *words)

    assert ran.code == 1
    assert "cannot write 'out.csv': file too large" in ran.err
    assert (gradcli.folder / "out.csv").read_text() == "old"
    assert names(gradcli.folder) == ["out.csv"]


# ------------------------------------------------------------ both ways of writing

WRITERS = [
    (["eval", "1+1", "-o"], "out.csv"),
    ([*DESCENT, "--log"], "out.csv"),
]


@pytest.mark.parametrize(("words", "name"), WRITERS, ids=["-o", "--log"])
class TestWriting:
    def test_a_new_file(self, folder: Path, inside: Inside, words: list[str], name: str) -> None:
        mask = os.umask(0o027)
        try:
            assert inside([*words, name]).code == 0
        finally:
            os.umask(mask)

        assert names(folder) == [name]
        assert (folder / name).stat().st_mode & 0o777 == 0o640

    def test_an_old_file(self, folder: Path, inside: Inside, words: list[str], name: str) -> None:
        (folder / name).write_text("old")
        (folder / name).chmod(0o604)

        assert inside([*words, name]).code == 0
        assert "old" not in (folder / name).read_text()
        assert (folder / name).stat().st_mode & 0o777 == 0o604
        assert names(folder) == [name]

    def test_a_link(self, folder: Path, inside: Inside, words: list[str], name: str) -> None:
        (folder / "there").mkdir()
        target = folder / "there" / "target"
        target.write_text("old")
        (folder / name).symlink_to("there/target")

        assert inside([*words, name]).code == 0
        assert (folder / name).is_symlink()
        assert "old" not in target.read_text()
        assert names(folder / "there") == ["target"]

    def test_a_link_to_a_new_file(
        self, folder: Path, inside: Inside, words: list[str], name: str
    ) -> None:
        (folder / name).symlink_to("target")

        assert inside([*words, name]).code == 0
        assert names(folder) == sorted([name, "target"])
        assert (folder / name).is_symlink()

    @pytest.mark.parametrize("target", ["nosuch/target", "out.csv"])
    def test_a_link_that_leads_nowhere(
        self, folder: Path, inside: Inside, words: list[str], name: str, target: str
    ) -> None:
        (folder / name).symlink_to(target)

        self.refused(inside, words, name)
        assert names(folder) == [name]

    def test_a_folder(self, folder: Path, inside: Inside, words: list[str], name: str) -> None:
        (folder / name).mkdir()

        assert "it is a folder" in self.refused(inside, words, name)
        assert names(folder) == [name]
        assert names(folder / name) == []

    def test_a_missing_folder(
        self, folder: Path, inside: Inside, words: list[str], name: str
    ) -> None:
        assert "no such file or directory" in self.refused(inside, words, f"nosuch/{name}")
        assert names(folder) == []

    def test_a_file_for_a_folder(
        self, folder: Path, inside: Inside, words: list[str], name: str
    ) -> None:
        (folder / "file").touch()

        assert "not a directory" in self.refused(inside, words, f"file/{name}")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
    def test_a_device(self, folder: Path, inside: Inside, words: list[str], name: str) -> None:
        (folder / name).symlink_to("/dev/full")

        assert "no space left on device" in self.refused(inside, words, name)
        assert Path("/dev/full").is_char_device()
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/null")
        assert inside([*words, name]).code == 0
        assert Path("/dev/null").is_char_device()
        assert names(folder) == [name]

    def test_a_pipe(self, folder: Path, inside: Inside, words: list[str], name: str) -> None:
        os.mkfifo(folder / name)
        with ThreadPoolExecutor() as pool:
            reader = pool.submit((folder / name).read_text)
            assert inside([*words, name]).code == 0
        assert inside([*words, f"plain-{name}"]).code == 0

        assert reader.result() == (folder / f"plain-{name}").read_text() != ""
        assert (folder / name).is_fifo()

    def test_a_descriptor(self, gradcli: Command, words: list[str], name: str) -> None:
        """One that was opened for >> by the shell: what was there stays, and comes first."""
        assert gradcli(*words, name).code == 0
        expected = (gradcli.folder / name).read_text()
        (gradcli.folder / "all").write_text("before\n")
        places = ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2", "/proc/thread-self/fd/2"]
        for place in filter(os.path.exists, places):
            (gradcli.folder / "link.csv").symlink_to(place)
            assert gradcli.shell('"$@" 2>>all >/dev/null', *words, "link.csv").code == 0
            (gradcli.folder / "link.csv").unlink()
        written = (gradcli.folder / "all").read_text()

        assert written.startswith(f"before\n{expected}")
        assert written.count(expected) == len([*filter(os.path.exists, places)])
        assert names(gradcli.folder) == ["all", name]

    @pytest.mark.parametrize("strange", ["a\0.csv", "n" * 300 + ".csv", "\udcff\ud800.csv"])
    def test_a_name_that_no_file_can_have(
        self, folder: Path, inside: Inside, words: list[str], name: str, strange: str
    ) -> None:
        del name
        self.refused(inside, words, strange)
        assert names(folder) == []

    def refused(self, inside: Inside, words: list[str], name: str) -> str:
        """The message about a file that cannot be written, when nothing else was printed."""
        ran = inside([*words, name])
        assert ran.code == 1
        assert ran.err.startswith("error: ")
        assert "unexpected" not in ran.err
        assert words[0] == "minimize" or ran.out == ""
        return ran.err


def test_output(folder: Path, inside: Inside) -> None:
    for words in (
        ["eval", "1/3"],
        ["eval", "x/3", "x=1", "--trace"],
        ["grad", "x^2*y", "x=1", "y=2", "--json"],
        ["grad", "x^2*y", "--csv"],
    ):
        printed = inside(words)
        assert inside([*words, "-o", "out.txt"]) == (0, "", "")
        assert (folder / "out.txt").read_text() == printed.out
        assert inside([*words, "--output=out2.txt"]) == (0, "", "")
        assert (folder / "out2.txt").read_text() == printed.out
        assert inside([*words, "-o", "-"]) == printed
    for words in (["draw", "x^2", "--format", "dot"], ["draw", "x^2", "x=1", "--format", "json"]):
        assert inside([*words, "-o", "-"]) == inside(words)
    assert names(folder) == ["out.txt", "out2.txt"]


def test_an_error_keeps_the_old_output(folder: Path, inside: Inside) -> None:
    (folder / "out.txt").write_text("old")
    for words, code in ((["eval", "log(-1)"], 1), (["eval", "1+"], 2), (["grad", "1/x", "x=0"], 1)):
        assert inside([*words, "-o", "out.txt"]).code == code
        assert (folder / "out.txt").read_text() == "old"
        assert names(folder) == ["out.txt"]


@pytest.mark.parametrize(
    ("words", "user"),
    [
        (["eval", "x*y", "--data", "in.csv", "-o", "./in.csv"], "--data"),
        (["grad", "x*y", "--data", "in.csv", "--plot", "-", "-o", "in.csv"], "--data"),
        (
            ["eval", "x", "x=1:3:1", "--points", "in.csv", "--plot", "a.svg", "-o", "in.csv"],
            "--points",
        ),
        (["draw", "@in.csv", "--format", "dot", "-o", "in.csv"], "the formula"),
        (["eval", "@in.csv", "x=1", "y=2", "-o", "in.csv"], "the formula"),
        (["minimize", "a^2", "a=1", "--log", "a.csv", "--predictions", "a.csv"], "--predictions"),
    ],
)
def test_no_file_is_written_over_that_is_used_otherwise(
    folder: Path, inside: Inside, words: list[str], user: str
) -> None:
    (folder / "in.csv").write_text("x,y\n1,2\n")
    ran = inside(words)

    assert (ran.code, ran.out) == (2, "")
    assert "would write over" in ran.err
    assert user in ran.err
    assert (folder / "in.csv").read_text() == "x,y\n1,2\n"
    assert names(folder) == ["in.csv"]


def test_a_name_with_a_slash_at_its_end_is_one_of_a_folder(folder: Path, inside: Inside) -> None:
    assert inside(["eval", "1", "-o", "out/"]).code == 1
    assert names(folder) == []


def test_an_empty_output_name(folder: Path, inside: Inside) -> None:
    ran = inside(["eval", "1", "-o", ""])

    assert ran.code in {1, 2}
    assert ran.err == "error: the name of the file to write is empty\n"
    assert names(folder) == []


# ------------------------------------------------------------ @FILE


def test_a_formula_from_a_file(gradcli: Command) -> None:
    text = "# a classic\nu = 3*x*y  # its inner part\n\nv = sin(u); log(x^2 + v)\n# the end"
    (gradcli.folder / "formula.txt").write_text(text)

    assert gradcli("eval", "@formula.txt", "x=2", "y=3") == (0, "1.178351181957291\n", "")
    assert gradcli("grad", "@formula.txt", "--json").code == 0


def test_a_file_larger_than_a_word_can_be(folder: Path, inside: Inside) -> None:
    (folder / "long.txt").write_text("1+" * 100_000 + "x")

    assert inside(["eval", "@long.txt", "x=1"]).out == "100001\n"


def test_minimize_takes_a_file_too(folder: Path, inside: Inside) -> None:
    (folder / "formula.txt").write_text("u = x - 3\nu^2\n")

    assert inside(["minimize", "@formula.txt", "x=0", "--lr", "0.4"]).code == 0


def test_a_file_that_is_not_there(folder: Path, inside: Inside) -> None:
    del folder
    assert inside(["eval", "@nosuch.txt"]) == (
        1,
        "",
        "error: cannot read 'nosuch.txt': no such file or directory\n",
    )


def test_a_file_without_a_name(inside: Inside) -> None:
    ran = inside(["eval", "@"])

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: no name of a file stands behind @\n")


@pytest.mark.parametrize("name", [".", "/"])
def test_a_folder_is_no_formula(folder: Path, inside: Inside, name: str) -> None:
    del folder
    ran = inside(["eval", f"@{name}"])

    assert ran.code in {1, 2}
    assert ran.out == ""
    assert ran.err.startswith("error: ")


def test_a_file_of_other_bytes(folder: Path, inside: Inside) -> None:
    (folder / "formula.txt").write_bytes(b"u = 2\nx = 3 \xff\n")
    ran = inside(["eval", "@formula.txt"])

    assert (ran.code, ran.out) == (2, "")
    assert "\\xff" in ran.err
    assert ran.err.splitlines()[1:3] == ["  x = 3 \\xff", "        ^^^^"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n"])
def test_an_empty_file(folder: Path, inside: Inside, content: bytes) -> None:
    (folder / "formula.txt").write_bytes(content)

    assert inside(["eval", "@formula.txt"]).code == 2


def test_an_endless_file(inside: Inside) -> None:
    ran = inside(["eval", "@/dev/zero"])

    assert ran.code in {1, 2}
    assert "longer than" in ran.err


def test_the_line_of_an_error_in_a_file(folder: Path, inside: Inside) -> None:
    (folder / "formula.txt").write_text("u = 2*x\nv = 3*u +\nsqrt(v)\n")
    ran = inside(["eval", "@formula.txt", "x=1"])

    assert ran.code == 2
    assert ran.err.splitlines()[1:3] == ["  v = 3*u +", "           ^"]


# ------------------------------------------------------------ stdin


def test_a_formula_from_stdin(gradcli: Command) -> None:
    assert gradcli("eval", "-", "x=2", stdin="x^2 + 1\n") == (0, "5\n", "")
    assert gradcli("eval", "-", "x=2", stdin="x^2 + 1") == (0, "5\n", "")
    assert gradcli("minimize", "-", "x=2", "--lr", "0.5", stdin="u = x - 1\nu^2\n").code == 0


def test_a_result_for_each_line(gradcli: Command) -> None:
    ran = gradcli("eval", "-", "x=2", stdin="x\n\n2*x\nu = x; u^2\n   \nx/4")

    assert ran == (0, "2\n4\n4\n0.5\n", "")


def test_a_thousand_lines(inside: Inside) -> None:
    ran = inside(["eval", "-"], "".join(f"{number}^2\n" for number in range(1000)))

    assert ran.out.split() == [str(number**2) for number in range(1000)]


def test_derivatives_for_each_line(inside: Inside) -> None:
    ran = inside(["grad", "-", "x=2", "--json"], "x\nx^3\n")

    assert [json.loads(line)["gradient"] for line in ran.out.splitlines()] == [{"x": 1}, {"x": 12}]


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        ("1\n2\n3*\n4\n", 2, "line 3: "),
        ("1\n\n\nlog(-1)\n", 1, "line 4: "),
        ("1\nx\n", 2, "line 2: "),
        ("1\n2 3\n", 2, "line 2: "),
        ("1\n1+\xff\n", 2, "line 2: "),
        ("1\n2\0\n", 2, "line 2: "),
        ("log(-1)\n1+\n", 1, "line 1: "),
        ("1+\nlog(-1)\n", 2, "line 2: "),
    ],
)
def test_an_error_names_its_line_and_the_others_go_on(
    inside: Inside, lines: str, code: int, words: str
) -> None:
    ran = inside(["eval", "-"], lines.encode("latin-1"))
    answers = [line if line.strip().isdecimal() else "" for line in lines.split("\n") if line]

    assert (ran.code, ran.out) == (code, "".join(f"{line}\n" for line in answers))
    assert f"error: {words}" in ran.err
    assert ran.err.count("error: ") == answers.count("")


def test_errors_of_lines_for_a_program(inside: Inside) -> None:
    ran = inside(["eval", "-", "--json", "x=1"], "x\n1/0\nx +\nx^2\n")
    first, second, third, last = map(json.loads, ran.out.splitlines())

    assert (ran.code, ran.err) == (1, "")
    assert (first["value"], last["value"]) == (1, 1)
    assert second["error"]["message"].startswith("line 2: ")
    assert (second["error"]["kind"], second["error"]["expression"]) == ("mathematics", "1/0")
    assert (third["error"]["kind"], third["error"]["span"]) == ("formula", [3, 4])


@pytest.mark.parametrize("command", ["eval", "grad"])
def test_at_most_20_errors_are_written_out(inside: Inside, command: str) -> None:
    for count, formula in ((20, "1/0"), (21, "1/0"), (200, "1/0"), (100, "sinn(x)" * 100)):
        ran = inside([command, "-"], f"{formula}\n" * count + "1\n")
        shown = ran.err.count("error: line ")

        assert ran.code in {1, 2}
        assert ran.out.startswith("\n" * count + "1")
        assert len(ran.err.encode()) <= 4096
        assert shown == min(count, 20) or formula != "1/0"
        last = ran.err.splitlines()[-1]
        assert (f"and {count - shown} more" in last) == (shown < count)


def test_a_wrong_line_among_tables(inside: Inside) -> None:
    for extra, cell in (([], "\t"), (["--csv"], ",")):
        ran = inside(["grad", "-", "x=0:1:1", *extra], "x\nlog(x)\nx^2\n")
        header = cell.join(["formula", "x", "value", "d/dx"])
        rows = ["x,0,0,1", "x,1,1,1", "", "x^2,0,0,0", "x^2,1,1,2"]

        assert ran.code == 1
        assert ran.out.splitlines() == [header, *[row.replace(",", cell) for row in rows]]
        assert ran.err.startswith("error: line 2: log is undefined at 0")


def test_the_formula_is_the_first_column(inside: Inside) -> None:
    assert inside(["grad", "-"], "x^2\nx*y\n").out == "x^2\tx\t2*x\nx*y\tx\ty\ty\tx\n"
    assert inside(["grad", "-", "x=3"], "x^2\n\tx # a\tb\n").out == (
        "x^2\tvalue\t9\tx\t6\nx # a b\tvalue\t3\tx\t1\n"
    )
    assert inside(["grad", "-", "x=3", "--csv"], "x^2\nmax(x, 1)\n").out == (
        'formula,name,derivative\nx^2,value,9\nx^2,x,6\n"max(x, 1)",value,3\n"max(x, 1)",x,1\n'
    )
    assert inside(["grad", "-", "x=1", "y=2", "--hessian"], "x*y\nx^2\n").out.splitlines() == [
        *("formula\t\tx\ty", "x*y\tx\t0\t1", "x*y\ty\t1\t0"),
        *("formula\t\tx", "x^2\tx\t2"),
    ]
    assert inside(["eval", "-", "x=1", "--trace"], "2*x\n").out.splitlines() == [
        "formula\tnode\tname\tpart\tvalue\tdigits",
        *("2*x\t#0\t\t2\t2\t17", "2*x\t#1\tx\tx\t1\t17", "2*x\t#2\t\t2*x\t2\t17"),
    ]
    assert inside(["eval", "-", "formula=1:2:1"], "formula\n").out == (
        "gradcli.formula\tformula\tvalue\nformula\t1\t1\nformula\t2\t2\n"
    )


def test_names_of_ours_step_aside(inside: Inside) -> None:
    """A user's name stays, and ours becomes another only where both would stand."""
    for words, expected in (
        (["grad", "value^2", "value=3"], "gradcli.value\t9\nvalue\t6\n"),
        (["grad", "value^2", "value=3", "--csv"], "name,derivative\ngradcli.value,9\nvalue,6\n"),
        (["eval", "2*value", "value=1:1:1"], "value\tgradcli.value\n1\t2\n"),
        (["grad", "2*value*x", "x=1:1:1", "value=1"], "x\tvalue\td/dvalue\td/dx\n1\t2\t2\t2\n"),
    ):
        assert inside(words).out == expected


def test_a_formula_of_a_line_over_data(folder: Path, inside: Inside) -> None:
    (folder / "d.csv").write_text("x,value\n1,10\n2,20\n")
    words = ["-", "--data", "d.csv"]

    ran = inside(["eval", *words, "a=3"], "mean(x)*a\nsum(y)\nx*a\nsum(value)\n2*value\n")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        *("4.5", "", "formula\tx\tvalue", "x*a\t1\t3", "x*a\t2\t6", "30"),
        *("formula\tvalue\tgradcli.value", "2*value\t10\t20", "2*value\t20\t40"),
    ]
    assert ran.err.startswith("error: line 2: ")
    assert inside(["grad", *words, "a=3"], "mean(x)*a\nsum(x*a^2)\n").out == (
        "mean(x)*a\tvalue\t4.5\ta\t1.5\nsum(x*a^2)\tvalue\t27\ta\t18\n"
    )
    drawn = inside(["eval", *words, "--plot", "p.svg"], "x\nx^2\n")
    assert (drawn.code, drawn.out) == (2, "")
    assert "takes one formula, and stdin holds more" in drawn.err


def test_a_value_that_no_line_uses(inside: Inside) -> None:
    ran = inside(["eval", "-", "x=1", "y=2"], "x\nx^2\n")

    assert (ran.code, ran.out) == (2, "1\n1\n")
    assert ran.err.startswith("error: no line uses y\n")
    assert inside(["eval", "-", "x=1", "y=2"], "x/0\n").code == 1


def test_many_lines_in_a_named_file(folder: Path, inside: Inside) -> None:
    (folder / "out").write_text("old")
    ran = inside(["eval", "-", "-o", "out"], "1\n1/0\n3\n")

    assert (ran.code, ran.out) == (1, "")
    assert (folder / "out").read_text() == "1\n\n3\n"
    assert inside(["eval", "-", "-o", "out"], "\n").code == 2
    assert (folder / "out").read_text() == "1\n\n3\n"


def test_a_byte_order_mark_is_no_character_of_a_formula(folder: Path, inside: Inside) -> None:
    mark = "\ufeff"
    (folder / "f.txt").write_text(f"{mark}u = x\nu^2")

    assert inside(["eval", "-"], f"{mark}1+1\n{mark}# a comment\n2\n").out == "2\n2\n"
    for command in (["eval"], ["grad"], ["draw", "--format", "dot"], ["minimize"]):
        assert inside([*command, "@f.txt", "x=2"]).code == 0
        assert inside([*command, "-", "x=2"], f"{mark}u = x; u^2").code == 0
    for word in (f"{mark}1+1", f"1{mark}+1"):
        assert inside(["eval", word]).code == 2


def test_a_line_that_is_too_long(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "LONGEST_LINE", 10)
    ran = inside(["eval", "-"], "1+1\n" + "1+" * 20 + "1\n2+2\n1+2+3+4+5+6")

    assert (ran.code, ran.out) == (2, "2\n\n4\n\n")
    assert ran.err.splitlines() == [
        "error: line 2: the formula is longer than 10 bytes",
        "error: line 4: the formula is longer than 10 bytes",
    ]


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("1/4\n\n# b\n1/0\n2^10\n", "0.25\n\n1024\n"),
        ("x\nu = x; u^2\n", "2\n4\n"),
        ("u = 3*x  # one\nu^2\n", "36\n"),
        ("f(t) = (t +\n 1)\nf(x)", "3\n"),
        ("(x +\n 1)\n", "3\n"),
        ("u = x; u^2\nx\r\n", "4\n2\n"),
    ],
)
def test_a_file_of_one_formula_or_of_many(
    folder: Path, inside: Inside, text: str, out: str
) -> None:
    (folder / "formulas.txt").write_bytes(text.encode())
    ran = inside(["eval", "@formulas.txt", *(["x=2"] if "x" in text else [])])

    assert ran.out == out
    assert ran.code == (1 if "1/0" in text else 0)
    assert ran.err.startswith("error: line 4: ") == ("1/0" in text)


def test_an_error_about_a_derivative_names_its_line(inside: Inside) -> None:
    ran = inside(["grad", "-", "x=0"], "x\nsqrt(x)\n")

    assert (ran.code, ran.out) == (1, "x\tvalue\t0\tx\t1\n\n")
    assert ran.err.startswith("error: line 2: the derivative of sqrt(x) is infinite")


def test_a_note_names_its_line(inside: Inside) -> None:
    ran = inside(["grad", "-", "x=0"], "x\nabs(x)\ne = x; e\n")

    assert ran.code == 0
    assert [line.split(": ")[:2] for line in ran.err.splitlines()] == [
        ["note", "line 2"],
        ["note", "line 3"],
    ]


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n"])
@pytest.mark.parametrize("command", ["eval", "grad"])
def test_nothing_on_stdin(inside: Inside, command: str, text: str) -> None:
    ran = inside([command, "-"], text)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: stdin holds no formula")


def test_lines_that_end_as_windows_ends_them(inside: Inside) -> None:
    assert inside(["eval", "-", "x=2"], "x\r\n2*x\r\n") == (0, "2\n4\n", "")


def test_a_file_whose_lines_end_as_windows_ends_them(folder: Path, inside: Inside) -> None:
    (folder / "formula.txt").write_bytes(b"# c\r\nu = 2*x\r\nu + 1\r\n")

    assert inside(["eval", "@formula.txt", "x=2"]) == (0, "5\n", "")
