"""Parquet and Arrow files, read through pyarrow in batches of the used columns."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from gradcli.data.cells import CellError, Dates
from gradcli.data.columns import (
    DROP_HINT,
    MOST_COLUMNS,
    Part,
    Reader,
    checked,
    no_rows,
    quoted,
    rows_at_once,
)
from gradcli.errors import FileError, printable
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from gradcli.data.cells import Codes
    from gradcli.data.columns import Array, Block
    from gradcli.data.input import Input
    from gradcli.graph.shapes import Shape


class ArrowReader(Reader):
    """An Arrow file (Feather), of which record batches are read one after the other."""

    kind = "Arrow"

    def __init__(self, source: Input, *, drop_missing: bool = False) -> None:
        """Read the schema. Raises FileError."""
        super().__init__(source, drop_missing=drop_missing)
        with self._file() as file:
            for field in file.schema:
                if field.name in self.columns:
                    raise FileError(f"{self._where}: two columns are called {quoted(field.name)}")
                self.columns[field.name] = _shape(field.type)
            self.rows = sum(file.lengths)
        if len(self.columns) > MOST_COLUMNS:
            raise FileError(f"{self._where}: the file has more than {MOST_COLUMNS} columns")
        if not self.rows:
            raise no_rows(self._where)

    def parts(self, rows: int) -> Sequence[Part]:  # noqa: ARG002 - the file says where it is cut
        """Return its row groups or record batches; see columns.Reader."""
        with self._file() as file:
            ends = np.cumsum([0, *file.lengths]).tolist()
        name = {"Parquet": "row group", "Arrow": "record batch"}[self.kind]
        return [Part(i, ends[i], f"{name} {i + 1}") for i in range(len(ends) - 1)]

    def blocks(
        self, names: Sequence[str], codes: Mapping[str, Codes | Dates], part: Part | None = None
    ) -> Iterator[Block]:
        """Yield the columns; see columns.Reader."""
        at_once = rows_at_once({name: self.columns[name] for name in names})
        row = 1 if part is None else part.stop + 1
        with self._file() as file:
            for name in names:
                self._check_type(file.schema.field(name), codes.get(name))
            indices = range(len(file.lengths)) if part is None else [part.start]
            batches = file.batches(at_once, list(names), indices)
            while (batch := self._next(batches)) is not None:
                block = {}
                for name in names:
                    index = batch.schema.get_field_index(name)
                    if index < 0:
                        raise FileError(f"{self._where}: pyarrow does not give {quoted(name)}")
                    column = batch.column(index)
                    block[name] = self._array(column, name, row, codes.get(name))
                yield block
                row += batch.num_rows
        if part is None and row - 1 != self.rows:
            raise FileError(f"{self._where}: {row - 1} rows instead of {self.rows}")

    @contextmanager
    def _file(self) -> Iterator[_Opened]:
        """Open the file. Raises FileError when pyarrow is missing or cannot read it."""
        _pyarrow("pyarrow")
        with self._source.open() as stored:
            try:
                file = self._opened(stored)
            except Exception as error:  # noqa: BLE001 - pyarrow raises many kinds
                raise self._refused(error) from None
            yield file

    def _opened(self, stored: IO[bytes]) -> _Opened:
        file = _pyarrow("pyarrow.ipc").open_file(stored)

        def batches(at_once: int, names: list[str], indices: Sequence[int]) -> Iterator[Any]:
            for index in indices:
                batch = file.get_batch(index).select(names)
                for start in range(0, batch.num_rows, at_once):
                    yield batch.slice(start, at_once)

        lengths = [file.get_batch(i).num_rows for i in range(file.num_record_batches)]
        return _Opened(file.schema, lengths, batches)

    def _next(self, batches: Iterator[Any]) -> Any | None:
        try:
            return next(batches, None)
        except Exception as error:  # noqa: BLE001 - pyarrow raises many kinds
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> FileError:
        if isinstance(error, FileError):  # that of a remote file
            return error
        if isinstance(error, MemoryError):
            reason = "not enough memory"
        else:
            reason = printable(" ".join(str(error).split()), 120)
        return FileError(f"{self._where}: pyarrow cannot read this as {self.kind}: {reason}")

    def _check_type(self, field: Any, code: Codes | Dates | None) -> None:
        """Raise FileError for a column whose values are not what they are read as."""
        types, kind = _pyarrow("pyarrow").types, field.type
        name, hint = printable(field.name, 40), None
        if isinstance(code, Dates):
            wanted, fits = "dates", types.is_temporal(kind) or types.is_string(kind)
        elif code is not None:
            kind = kind.value_type if types.is_dictionary(kind) else kind
            wanted, fits = "texts for --classes", _is_text(kind)
        else:
            kind = kind.value_type if types.is_fixed_size_list(kind) else kind
            fits = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
            wanted = "numbers"
            if _is_text(kind) or types.is_dictionary(kind):
                hint = f"--classes {name} numbers the texts"
            elif types.is_temporal(kind):
                hint = f"--dates {name} reads dates as days, times as seconds"
        if not fits:
            message = f"{self._where}: {name} holds {printable(str(kind), 60)}, not {wanted}"
            raise FileError(message, hint=hint)

    def _array(self, column: Any, name: str, row: int, code: Codes | Dates | None) -> Array:
        where = f"{self._where}: {printable(name, 40)}"
        shape = self.columns[name]
        self._check_nulls(column, where, row)
        if code is not None:
            return self._coded(column, where, row, code)
        if shape:
            values = np.full((len(column), *shape), np.nan)
            valid = np.asarray(column.is_valid())
            inner = column.drop_null().flatten()
            if inner.null_count and not self._drop_missing:
                at = int(np.flatnonzero(np.asarray(inner.is_null()))[0]) // shape[0]
                raise FileError(f"{where}, row {row + at}: a value is missing", hint=DROP_HINT)
            values[valid] = _doubles(inner).reshape((-1, *shape))
        else:
            values = _doubles(column)
        return checked(values, where, row, drop_missing=self._drop_missing)

    def _check_nulls(self, column: Any, where: str, row: int) -> None:
        if column.null_count and not self._drop_missing:
            at = int(np.flatnonzero(np.asarray(column.is_null()))[0])
            raise FileError(f"{where}, row {row + at}: the value is missing", hint=DROP_HINT)

    def _coded(self, column: Any, where: str, row: int, code: Codes | Dates) -> Array:
        """Return the numbers of dates or texts, nan for null."""
        numbers = np.full(len(column), np.nan)
        for i, value in enumerate(column.to_pylist()):
            if value is not None:
                try:
                    numbers[i] = code[value if isinstance(value, str) else value.isoformat()]
                except CellError as error:
                    message = f"{where}, row {row + i}: {quoted(str(value))} {error.reason}"
                    raise FileError(message, hint=error.hint) from None
        return numbers


class ParquetReader(ArrowReader):
    """A Parquet file. Checksums are checked where the file has them; without, a flip may pass."""

    kind = "Parquet"

    def _opened(self, stored: IO[bytes]) -> _Opened:
        file = _pyarrow("pyarrow.parquet").ParquetFile(
            stored, page_checksum_verification=True, memory_map=False, pre_buffer=False
        )

        def batches(at_once: int, names: list[str], indices: Sequence[int]) -> Iterator[Any]:
            return iter(file.iter_batches(at_once, list(indices), names, use_threads=False))

        groups = range(file.metadata.num_row_groups)
        lengths = [file.metadata.row_group(i).num_rows for i in groups]
        return _Opened(file.schema_arrow, lengths, batches)


class _Opened(NamedTuple):
    """An open file: its schema, the rows of each part, and the batches of columns of some parts."""

    schema: Any
    lengths: list[int]
    batches: Callable[[int, list[str], Sequence[int]], Iterator[Any]]


def _doubles(column: Any) -> Array:
    """Return numbers as doubles, nan for null."""
    compute = _pyarrow("pyarrow.compute")
    kind = _pyarrow("pyarrow").types
    if kind.is_boolean(column.type):
        column = compute.cast(column, "uint8")
    # Whole numbers beyond 2^53 are rounded, as those of a CSV file are.
    column = compute.cast(column, "double", safe=False)
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _is_text(kind: Any) -> bool:
    types = _pyarrow("pyarrow").types
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _shape(kind: Any) -> Shape:
    fixed = _pyarrow("pyarrow").types.is_fixed_size_list(kind)
    return (kind.list_size,) if fixed else ()


def _pyarrow(module: str) -> ModuleType:
    """Return a module of pyarrow. Raises FileError when it is not installed."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise FileError(
            "reading Parquet and Arrow files needs pyarrow: pip install 'gradcli[parquet]'"
        ) from None
