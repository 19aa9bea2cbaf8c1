"""Disclosure control cannot be gone around: who may open sealed figures, make them, or hand out a permit."""

import ast
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[2] / "services" / "reporting"
MODULES = {path.relative_to(HERE).as_posix(): ast.parse(path.read_text()) for path in sorted(HERE.rglob("*.py"))}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(name: str) -> set[str]:
    """Return the modules that call something of that name."""
    return {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == name
    }


def test_only_disclosure_opens_sealed_figures() -> None:
    touching = {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "_cells")
        or (isinstance(node, ast.Constant) and node.value == "_cells")
    }
    assert touching == {"disclosure.py"}


def test_only_the_engine_counts_and_seals() -> None:
    assert calls("Sealed") == {"engine.py"}
    assert calls("Cell") == {"engine.py"}


def test_only_an_audited_query_makes_a_permit() -> None:
    assert calls("Permit") == {"queries.py"}
    (permit,) = (node for node in ast.walk(MODULES["queries.py"]) if getattr(node, "name", "") == "permit")
    words = ast.unparse(permit)
    assert words.index("caller.missing(EXACT)") < words.index("audit.record") < words.index("Permit(caller.client)")


def test_safe_figures_are_made_by_disclosure_alone() -> None:
    assert calls("Safe") == {"disclosure.py"}


def test_what_speaks_to_callers_cannot_reach_a_count() -> None:
    """Endpoints, pages and exports import no tables, no SQL and no counting."""
    for module in ("api.py", "exports.py", "guards.py", "examples.py", "web/landing.py"):
        names = set(imported(MODULES[module]))
        assert not [name for name in names if name.startswith("sqlalchemy")], module
        assert not [name for name in names if name.startswith("services.reporting.tables")], module
        assert not names & {"services.reporting.engine.cells", "services.reporting.engine.states"}, module
        assert not [
            name for name in names if name.startswith("services.reporting.selects.") and not name.endswith("Question")
        ]
        assert not [name for name in names if name.startswith("services.reporting.cells")], module
