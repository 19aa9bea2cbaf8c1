"""What is not documented does not exist: every setting, event, refusal, measure, metric and command has its line."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from deploy.cli import COMMANDS
from deploy.reference import DOCS, PAGES, modules
from services.reporting.measures import MEASURES
from shared import telemetry
from shared.events import contracts
from shared.problems import Problem
from shared.settings import Settings

ROOT = DOCS.parent
PROSE = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_says_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run: python -m deploy.reference"


def test_every_setting_has_a_meaning_and_a_line() -> None:
    said = (DOCS / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert (field.description or "").endswith("."), name
        assert f"`ROUNDTABLE_{name.upper()}`" in said


def test_every_event_has_a_meaning_and_a_section() -> None:
    said = (DOCS / "events.md").read_text()
    for subject, contract in contracts().items():
        assert (contract.__doc__ or "").endswith(".")
        assert contract.__doc__ != contract.__mro__[1].__doc__, f"{subject} only has its parent's words"
        assert f"## {subject}\n" in said


def test_every_refusal_has_a_title_of_its_own_and_a_line() -> None:
    for package in ("shared", "services"):
        for module in modules(package):
            import_module(module)
    said = (DOCS / "problems.md").read_text()
    ours = [each for each in Problem.known.values() if not each.__module__.startswith("tests.")]
    assert len(ours) > 20
    for each in ours:
        assert "__doc__" in vars(each), each
        assert vars(each)["__doc__"], each
        assert f"`/problems/{each.slug()}`" in said
    assert len({each.title() for each in ours}) == len(ours)


def test_every_measure_has_its_line() -> None:
    said = (DOCS / "measures.md").read_text()
    assert MEASURES
    for name, measure in MEASURES.items():
        assert f"`{name}`" in said
        assert measure.question.endswith("?")


def test_every_metric_has_its_line() -> None:
    said = (DOCS / "metrics.md").read_text()
    found = [metric for metric in vars(telemetry).values() if isinstance(metric, MetricWrapperBase)]
    assert len(found) > 5
    for metric in found:
        (shown,) = metric.describe()
        assert f"`{shown.name}" in said


def test_every_command_has_a_section_that_says_what_it_does() -> None:
    said = (DOCS / "commands.md").read_text()
    for name in COMMANDS:
        _, found, after = said.partition(f"## roundtable {name}\n\n")
        assert found, name
        assert after.split("\n")[0].endswith("."), name


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    lost = [target for target in LINK.findall(path.read_text()) if not (path.parent / target).exists()]
    assert lost == []


def test_settings_and_metrics_that_prose_names_exist() -> None:
    variables = {f"ROUNDTABLE_{name.upper()}" for name in Settings.model_fields}
    metrics = re.findall(r"`(roundtable_\w+)`", (DOCS / "metrics.md").read_text())
    for path in PROSE:
        text = path.read_text()
        assert set(re.findall(r"\bROUNDTABLE_[A-Z_]+[A-Z]\b", text)) - variables == set(), path
        named = set(re.findall(r"\broundtable_(?:requests|outbox|consumer|worker|dead|events|request)\w*", text))
        assert {name for name in named if not any(name.startswith(metric) for metric in metrics)} == set(), path
