"""A CSV file read row by row, as spreadsheets and clinical systems write it: never held as a whole, never guessed at."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from deploy import CannotRunError

DELIMITERS = ",;\t"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
LONGEST = 256 * 1024  # characters of one cell


class Encoding(StrEnum):
    """How a file's letters are written."""

    UTF_8 = "utf-8"
    CP1252 = "cp1252"


class NotReadableError(CannotRunError):
    """A file cannot be read as CSV; the message says what is wrong with it, never what is in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, and the line of the file on which it begins."""

    line: int
    cells: list[str]


class Rows:
    """An open CSV file: its headings, and then its rows."""

    def __init__(self, file: TextIO, size: int, recognised: Callable[[str], bool]) -> None:
        self.size = size
        self._file = file
        first = file.readline()
        if not first.strip():
            raise NotReadableError("The file is empty, or its first line is: that line must hold the headings.")
        self.delimiter, self.headings = _headings(first, recognised)

    @property
    def read(self) -> int:
        """How many bytes have been read so far."""
        return self._file.buffer.tell()

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows that are not blank; raises `NotReadableError` where the file stops being CSV."""
        csv.field_size_limit(LONGEST)
        reader = csv.reader(self._file, delimiter=self.delimiter, strict=True)
        line = 2
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield Row(line, cells)
                line = reader.line_num + 2
        except csv.Error:
            raise NotReadableError(
                f"The row that begins on line {line} is not CSV: a quotation in it never ends, ends too early, "
                f"or a cell is longer than {LONGEST:,} characters. Nothing after it was read."
            ) from None
        except UnicodeDecodeError:
            raise NotReadableError(_other_encoding(self._file, f"after line {line}")) from None


def _headings(first: str, recognised: Callable[[str], bool]) -> tuple[str, list[str]]:
    """Return the delimiter by which most headings are recognised, else the one that makes most of them; and those."""
    found = []
    for delimiter in DELIMITERS:
        try:
            headings = [heading.strip() for heading in next(csv.reader([first], delimiter=delimiter, strict=True))]
        except csv.Error:
            continue
        found.append((sum(map(recognised, headings)), len(headings), delimiter, headings))
    if not found:
        raise NotReadableError("The first line is not CSV: it must hold the headings, each on one line.")
    _, _, delimiter, headings = max(found, key=lambda each: each[:2])
    return delimiter, headings


def _other_encoding(file: TextIO, where: str) -> str:
    other = Encoding.CP1252 if file.encoding.startswith("utf") else Encoding.UTF_8
    return f"The file is not {file.encoding.removesuffix('-sig')} ({where}); try: --encoding {other}"


@contextmanager
def open_rows(path: Path, encoding: Encoding, recognised: Callable[[str], bool]) -> Iterator[Rows]:
    """Open a CSV file; `recognised` tells a heading that is expected, which decides between comma, semicolon and tab."""
    try:
        with path.open("rb") as head:
            start = head.read(4)
    except OSError as problem:
        raise NotReadableError(f"{path} cannot be read: {problem.strerror}.") from None
    if start.startswith(UTF_16):
        raise NotReadableError(f"{path} is UTF-16; save it as CSV UTF-8.")
    if start.startswith(b"PK"):
        raise NotReadableError(f"{path} is a spreadsheet, not CSV; save it as CSV UTF-8.")
    with path.open(encoding="utf-8-sig" if encoding == Encoding.UTF_8 else encoding, newline="") as file:
        try:
            rows = Rows(file, path.stat().st_size, recognised)
        except UnicodeDecodeError:
            raise NotReadableError(_other_encoding(file, "near its beginning")) from None
        yield rows
