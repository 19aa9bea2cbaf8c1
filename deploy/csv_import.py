"""A CSV file brought in chunk by chunk: what is rejected is written down so that it can be corrected and sent again."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

from deploy import CannotRunError
from deploy.csv_referrals import ERROR_COLUMNS, Plan, Wrong
from deploy.csv_rows import Encoding, Row, Rows
from deploy.posting import LINES, Bulk

SHOWN = 10  # problems told on the screen
LARGEST = 8 * 1024 * 1024  # bytes of one request, roughly


class ErrorsFileError(CannotRunError):
    """The errors file cannot be written where it was asked for."""


@dataclass
class Told:
    """What has become of a file's rows so far."""

    created: int = 0
    replayed: int = 0
    rejected: int = 0
    line: int = 1
    first: list[tuple[int, Wrong]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows have been judged."""
        return self.created + self.replayed + self.rejected


class Rejections(AbstractContextManager["Rejections"]):
    """The errors file: the rejected rows as they were, behind what is wrong with each. Made when there is the first."""

    def __init__(self, path: Path | None, rows: Rows, encoding: Encoding) -> None:
        if path is not None and path.exists():
            raise ErrorsFileError(f"{path} exists already, and may hold corrections: name another errors file.")
        if path is not None and not path.parent.is_dir():
            raise ErrorsFileError(f"There is no folder {path.parent} for the errors file.")
        self._path, self._rows = path, rows
        self._encoding = "utf-8-sig" if encoding == Encoding.UTF_8 else str(encoding)  # so that a spreadsheet knows it
        self._file: TextIO | None = None

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def add(self, row: Row, wrong: Sequence[Wrong]) -> None:
        """Write a rejected row down."""
        if self._path is None:
            return
        if self._file is None:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # it names people
            self._file = os.fdopen(descriptor, "w", encoding=self._encoding, newline="")
            self._write([*ERROR_COLUMNS, *self._rows.headings])
        told = ("; ".join(getattr(each, part) for each in wrong) for part in ("field", "code", "message"))
        kept = [
            cell
            for place, cell in enumerate(row.cells)
            if place >= len(self._rows.headings) or self._rows.headings[place] not in ERROR_COLUMNS
        ]
        self._write([str(row.line), *told, *kept])

    def _write(self, cells: Sequence[str]) -> None:
        assert self._file is not None  # noqa: S101 - opened just before
        csv.writer(self._file, delimiter=self._rows.delimiter).writerow(cells)


async def bring_in(
    rows: Rows,
    plan: Plan,
    bulk: Bulk,
    rejections: Rejections,
    told: Told,
    *,
    twins: "Twins | None",
    moved: Callable[[], None],
) -> None:
    """Send every row that is a referral, and note in `told` what became of each; `moved` hears of every chunk."""
    for chunk in _chunks(rows, plan):
        sent = [referral for _, referral, wrong in chunk if not wrong]
        answers = iter((await bulk.post(sent))["results"] if sent else ())
        for row, referral, wrong in chunk:
            if wrong:
                _reject(row, wrong, rejections, told)
                continue
            result = next(answers)
            status = twins.judged(referral, result["status"]) if twins else result["status"]
            if status == "rejected":
                _reject(row, refused(result.get("problem"), plan), rejections, told)
            elif status == "replayed":
                told.replayed += 1
            else:
                told.created += 1
            told.line = row.line
        moved()


Judged = tuple[Row, dict[str, Any], list[Wrong]]


def _chunks(rows: Rows, plan: Plan) -> Iterator[list[Judged]]:
    chunk: list[Judged] = []
    size = 0
    for row in rows:
        chunk.append((row, *plan.referral(row.cells)))
        size += sum(map(len, row.cells))
        if len(chunk) == LINES or size > LARGEST:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _reject(row: Row, wrong: Sequence[Wrong], rejections: Rejections, told: Told) -> None:
    rejections.add(row, wrong)
    told.rejected += 1
    told.line = row.line
    if len(told.first) < SHOWN:
        told.first += [(row.line, each) for each in wrong]


def refused(problem: dict[str, Any] | None, plan: Plan) -> list[Wrong]:
    """Return what the service objected to, in the file's own headings."""
    if problem is None:  # a dry run, and its twin further up is another
        return [Wrong("", "referral-differs", "An earlier row has the same source_system and source_id, and differs.")]
    found = []
    for error in problem.get("errors") or ():
        name = next((part for part in reversed(error["pointer"].split("/")) if part and not part.isdecimal()), "")
        found.append(Wrong(plan.heading_of.get(name, name), error["code"], error["message"]))
    return found or [Wrong("", problem["type"].rpartition("/")[2], problem.get("detail") or problem["title"])]


class Twins:
    """What a dry run cannot see from one chunk to the next: rows of the same key. Sixteen bytes are kept of each row."""

    def __init__(self) -> None:
        self._seen: dict[bytes, bytes] = {}

    def judged(self, referral: dict[str, Any], status: str) -> str:
        """Return what would become of a referral, given the rows before it."""
        if status == "rejected":
            return status
        key = _digest([referral["source_system"], referral["source_id"]])
        content = _digest({name: value for name, value in referral.items() if name != "id"})
        before = self._seen.setdefault(key, content)
        if before is content:
            return status
        return "replayed" if before == content else "rejected"


def _digest(value: object) -> bytes:
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).digest()
