"""The return as files: one CSV a table, the quality of every field, and a manifest that ties them together."""

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from deploy.national_return.layout import TABLES, Column, Table
from deploy.national_return.reading import Month, Return

QUALITIES = ("valid", "default", "invalid", "missing")


def write(folder: Path, month: Month, told: Return) -> dict[str, Any]:
    """Write every file, readable by its owner only; return the manifest, which is written last."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    tables, lines = {}, []
    for table in TABLES:
        rows = told.rows.get(table.name, [])
        tables[table.name] = {"rows": len(rows), "about": table.about} | _write_csv(
            folder / f"{table.name}.csv", [column.name for column in table.columns], _cells(table, rows)
        )
        lines += [_quality(table, column, rows) for column in table.columns]
    heads = ["table", "field", "mandatory", "denominator", *QUALITIES, "valid_percent"]
    quality = _write_csv(folder / "data_quality.csv", heads, ([line[head] for head in heads] for line in lines))
    manifest = {
        "data_set": "IAPT v2.1 shaped",
        "period": {"start": month.start.isoformat(), "end": month.end.isoformat()},
        "provider": month.provider,
        "commissioner": month.commissioner,
        "tables": tables,
        "data_quality": {"file": "data_quality.csv", "fields": lines} | quality,
        "left_out": dict(told.left_out),
    }
    _private(folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def _quality(table: Table, column: Column, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how often a field is valid, a default, invalid, missing; the four add up to the table's rows."""
    counts = Counter(column.quality(row) for row in rows)
    denominator = sum(counts.values())
    return {
        "table": table.name,
        "field": column.name,
        "mandatory": "M" if column.mandatory else "R",
        "denominator": denominator,
        **{name: counts[name] for name in QUALITIES},  # type: ignore[index]  # the names are the kinds there are
        "valid_percent": None if not denominator else (2000 * counts["valid"] + denominator) // (2 * denominator) / 10,
    }


def _cells(table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterable[list[str]]:
    return ([_cell(row.get(column.key)) for column in table.columns] for row in rows)


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a column holds
    match value:
        case None:
            return ""
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S")
        case date():
            return value.isoformat()
        case time():
            return value.strftime("%H:%M:%S")
        case _:
            return str(value)


def _write_csv(path: Path, heads: list[str], rows: Iterable[Iterable[Any]]) -> dict[str, Any]:
    with _private(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(rows)
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _private(path: Path) -> Path:
    """Return the path as an empty file that only its owner can read."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
    return path
