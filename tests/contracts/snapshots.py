"""What every event promised when it was published, as files: `python -m tests.contracts.snapshots` adds what is new."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.events import Event, contracts

HERE = Path(__file__).parent
WORDS = {"title", "description", "examples"}  # may change: they promise nothing to a program
GROWS = {"enum", "pattern", "maxLength"}  # with a code list


def promised(contract: type[Event]) -> dict[str, Any]:
    """Return what a contract promises to programs: its fields' forms, which are always there, and what orders it."""
    schema = contract.model_json_schema()
    return {
        "aggregate": contract.aggregate,
        "fields": bare(schema["properties"]),
        "required": sorted(schema.get("required", [])),
        "$defs": bare(schema.get("$defs", {})),
    }


def bare(part: Any) -> Any:
    """Return a part of a schema without words, and with code lists by name only, since they grow."""
    if isinstance(part, list):
        return [bare(each) for each in part]
    if not isinstance(part, dict):
        return part
    left_out = GROWS if "x-code-list" in part else set()
    # a field may itself be called "title": only words about fields are left out, never fields
    return {
        name: bare(value)
        for name, value in part.items()
        if name not in left_out and not (name in WORDS and isinstance(value, str | list))
    }


def snapshot(subject: str) -> Path:
    return HERE / f"{subject}.json"


def broken(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what a contract no longer keeps of what it promised."""
    faults = [
        f"{name} was {'removed' if name not in now['fields'] else 'changed'}"
        for name, form in before["fields"].items()
        if now["fields"].get(name) != form
    ]
    faults += [f"{name} may be absent now" for name in before["required"] if name not in now["required"]]
    faults += [f"{name} must be there now" for name in now["required"] if name not in before["required"]]
    faults += [f"{name} was changed" for name, form in before["$defs"].items() if now["$defs"].get(name) != form]
    if before["aggregate"] != now["aggregate"]:
        faults.append("its order was changed")
    return faults


def main() -> None:
    """Write snapshots of new events and of new optional fields; never of anything that breaks a promise."""
    for subject, contract in contracts().items():
        now, path = promised(contract), snapshot(subject)
        if path.exists() and (faults := broken(json.loads(path.read_text()), now)):
            raise SystemExit(f"{subject}: {'; '.join(faults)}: publish a v2")
        path.write_text(json.dumps(now, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
