"""Files that are read and files that are written: whole, or not at all."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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

        assert "it is not a plain file" in self.refused(inside, words, name)
        assert Path("/dev/full").is_char_device()

    def test_a_pipe(self, folder: Path, inside: Inside, words: list[str], name: str) -> None:
        os.mkfifo(folder / name)

        assert "it is not a plain file" in self.refused(inside, words, name)
        assert (folder / name).is_fifo()

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
    assert names(folder) == ["out.txt", "out2.txt"]


def test_an_error_keeps_the_old_output(folder: Path, inside: Inside) -> None:
    (folder / "out.txt").write_text("old")
    for words, code in ((["eval", "log(-1)"], 1), (["eval", "1+"], 2), (["grad", "1/x", "x=0"], 1)):
        assert inside([*words, "-o", "out.txt"]).code == code
        assert (folder / "out.txt").read_text() == "old"
        assert names(folder) == ["out.txt"]


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

    assert gradcli("eval", "@formula.txt", "x=2", "y=3") == (0, "1.1783511819572907\n", "")
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
    (folder / "formula.txt").write_bytes(b"1 + 2\nx = 3 \xff\n")
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
    ],
)
def test_an_error_names_its_line(inside: Inside, lines: str, code: int, words: str) -> None:
    for extra in ([], ["--json"], ["--csv"]):
        ran = inside(["eval", "-", *extra], lines.encode("latin-1"))
        assert (ran.code, ran.out) == (code, "")
        assert words in ran.err


def test_an_error_about_a_derivative_names_its_line(inside: Inside) -> None:
    ran = inside(["grad", "-", "x=0"], "x\nsqrt(x)\n")

    assert (ran.code, ran.out) == (1, "")
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
