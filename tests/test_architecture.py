"""The house is as docs/architecture.md says: who imports whom, how large a room may be, and what none is called."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

from deploy import SERVICES

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "architecture.md"
PACKAGES = ("shared", "services", "deploy")
LONGEST = 400  # lines
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "constants", "base", "manager", "core", "misc"}
EVERY_SERVICE_HAS = {"__init__", "app", "worker", "api", "schemas", "tables", "queries", "domain", "migrations"}

ROOMS = (
    *("app", "worker", "api", "commands", "queries", "projections", "engine", "disclosure"),
    *("exports", "schemas", "measures", "tables", "domain"),
)
LIVES_IN = {
    "fhir": "api",
    "open_referral": "api",
    "web": "api",
    "guards": "api",
    "examples": "api",
    "catalogue": "api",
    "reception": "commands",
    "bulk": "commands",
    "publications": "exports",
    "cells": "disclosure",
    "rounding": "disclosure",
    "breakdowns": "measures",
    "breakdowns_of_things": "measures",
    "dimensions_of_age": "measures",
    "dimensions_of_sites": "measures",
    "selects": "engine",
    "dimensions": "measures",
    "instruments": "domain",
}


def modules() -> list[Path]:
    return [path for package in (*PACKAGES, "bench") for path in sorted((ROOT / package).rglob("*.py"))]


def room(module: str) -> str | None:
    """Return the room that a module is in, None for what is in none (packages, migrations)."""
    match module.split("."):
        case ["deploy", *_]:
            return "deploy"
        case ["shared", "events" | "codes" as part, *_]:
            return part
        case ["shared", *_]:
            return "kernel"
        case ["services", _, name, *_] if name != "migrations":
            return name if name in ROOMS else LIVES_IN.get(name, f"{module} is in no room")
        case _:
            return None


@cache
def imports_between_rooms() -> dict[str, set[str]]:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            one, other = room(module), room(imported)
            if one and other and one != other:
                found[one].add(other)
    return dict(found)


@cache
def drawn() -> dict[str, set[str]]:
    """Return the arrows of the picture."""
    (picture,) = re.findall(r"```mermaid\n(.*?)```", PICTURE.read_text(), re.DOTALL)
    arrows: dict[str, set[str]] = defaultdict(set)
    for one, other in re.findall(r"^\s*(\w+)\s*-->\s*(\w+)\s*$", picture, re.MULTILINE):
        arrows[one].add(other)
    return dict(arrows)


def reachable(start: str) -> set[str]:
    """Return the rooms that the arrows lead to."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for other in drawn().get(ahead.pop(), set()) - found:
            found.add(other)
            ahead.append(other)
    return found


def test_everybody_imports_only_whom_they_may(capsys: pytest.CaptureFixture[str]) -> None:
    kept = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == 0
    assert kept, capsys.readouterr().out


def test_every_arrow_of_the_picture_is_a_real_import() -> None:
    arrows = {(one, other) for one, others in drawn().items() for other in others}
    real = {(one, other) for one, others in imports_between_rooms().items() for other in others}
    assert arrows, "the picture has arrows of the form `api --> commands`"
    assert arrows - real == set()


def test_every_real_import_follows_the_arrows_of_the_picture() -> None:
    real = {(one, other) for one, others in imports_between_rooms().items() for other in others}
    assert {(one, other) for one, other in real if other not in reachable(one)} == set()


def test_no_way_along_the_arrows_leads_back() -> None:
    assert [start for start in drawn() if start in reachable(start)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_files_that_every_service_has(service: str) -> None:
    there = {path.stem for path in (ROOT / "services" / service).iterdir()}
    assert EVERY_SERVICE_HAS - there == set()


def test_every_module_of_a_service_is_in_a_room() -> None:
    rooms = {name for one, others in imports_between_rooms().items() for name in (one, *others)}
    assert {name for name in rooms if "no room" in name} == set()


def test_no_module_is_longer_than_it_can_be_read() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_module_is_named_after_nothing() -> None:
    named = {path for path in modules() if path.stem in NO_NAMES or path.parent.name in NO_NAMES}
    assert named == set()
