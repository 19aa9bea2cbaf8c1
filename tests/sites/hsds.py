"""The standard's own schemas, where they are: they are not ours to carry along."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

ROOT = Path(__file__).parents[2]
STANDARD = Path(os.environ.get("OPEN_REFERRAL_STANDARD", ROOT.parent / "shared" / "reference" / "open-referral"))
SCHEMAS = STANDARD / "schema"
MOCK = STANDARD / "mock-default"

needs_the_standard = pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the standard's schemas are not here")


def _schema(name: str) -> dict[str, Any]:
    """Return a schema of the standard; those that were not compiled alone are taken out of the whole."""
    if name in {"taxonomy", "taxonomy_term"}:
        whole = json.loads((SCHEMAS / "service_with_definitions.json").read_text())["definitions"]
        found: dict[str, Any] = dict(whole[name])
        found["properties"] = {key: part for key, part in found["properties"].items() if key != "taxonomy_terms"}
        return found
    compiled: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return compiled


@cache
def validator(name: str) -> Validator:
    """Return what judges a body by one of the standard's schemas, formats included."""
    formats = Draft202012Validator.FORMAT_CHECKER
    assert {"uuid", "uri", "email", "date-time"} <= formats.checkers.keys(), "formats would pass unseen"
    return Draft202012Validator(_schema(name), format_checker=formats)


@cache
def envelope() -> Validator:
    """Return what judges a page's envelope."""
    whole = json.loads((SCHEMAS / "openapi.json").read_text())
    return Draft202012Validator(whole["components"]["schemas"]["Page"])


def wrong(name: str, body: Any) -> list[str]:
    """Return what a schema finds wrong with a body."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(body)]
