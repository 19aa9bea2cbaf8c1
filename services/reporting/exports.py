"""Tables as CSV: long, tidy, one figure a line; suppressed figures are `*`. Only ever made of what may leave."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

FIGURES = {"count": ("value",), "sum": ("value",)} | dict.fromkeys(
    ("rate", "ratio"), ("numerator", "denominator", "value")
)
HIDDEN = "*"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # spreadsheets run cells that begin so


def report_csv(report: Mapping[str, Any], by: Sequence[str]) -> str:
    """Return a report: measure, period, one column per breakdown, the figures, and what became of them."""
    figures = FIGURES.get(report["measure"]["kind"], ("denominator", "value"))
    head = ["measure", "title", "period", "period_start", "period_end", *by, *figures, "status", "profile", "as_of"]
    measure, end = report["measure"], [report["profile"], report["as_of"]["at"].isoformat()]
    return _written(
        head,
        (
            [
                measure["id"],
                measure["title"],
                row["period"]["label"],
                row["period"]["start"],
                row["period"]["end"],
                *(_text(row["group"][name]) for name in by),
                *(_figure(row[name], row["status"]) for name in figures),
                row["status"],
                *end,
            ]
            for row in report["rows"]
        ),
    )


def completeness_csv(found: Mapping[str, Any], by: Sequence[str]) -> str:
    """Return completeness: period, one column per breakdown, the field, its four states."""
    figures = ("denominator", "valid", "not_stated", "not_known", "missing", "valid_percent")
    head = ["period", "period_start", "period_end", *by, "field", *figures, "status", "profile", "as_of"]
    period, end = found["period"], [found["profile"], found["as_of"]["at"].isoformat()]
    return _written(
        head,
        (
            [
                period["label"],
                period["start"],
                period["end"],
                *(_text(row["group"][name]) for name in by),
                row["field"],
                *(_figure(row[name], row["status"]) for name in figures),
                row["status"],
                *end,
            ]
            for row in found["rows"]
        ),
    )


def filename(what: str, first: str, last: str, by: Sequence[str], profile: str) -> str:
    """Return the name under which a table is saved; exact ones say what they are."""
    parts = [
        what,
        first,
        last,
        *(["by", *by] if by else []),
        *(["exact-not-for-publication"] if profile == "exact" else []),
    ]
    return f"{'_'.join(parts)}.csv"


def _figure(value: float | None, status: str) -> str:
    """Return a figure; a hidden one is `*`, one of nothing collected is empty."""
    if value is None:
        return "" if status == "no_data" else HIDDEN
    return str(value)


def _text(label: str) -> str:
    """Return a label that no spreadsheet takes for a formula."""
    return f"'{label}" if label.startswith(FORMULA) else label


def _written(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    return buffer.getvalue()
