"""`docker-compose.yml` runs the processes of `roundtable up`, with settings that exist; no test here runs a container."""

from pathlib import Path
from typing import Any

import yaml

from deploy import SERVICES
from shared.settings import Settings

ROOT = Path(__file__).parents[2]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_every_process_of_up_has_its_container() -> None:
    ours = {name for name, service in compose().items() if service["image"] == "roundtable"}
    assert ours == {"migrate", "issuer", *(f"{name}-{kind}" for name in SERVICES for kind in ("api", "worker"))}


def test_every_setting_it_gives_exists_and_only_referrals_is_given_the_keys() -> None:
    known = {f"ROUNDTABLE_{name.upper()}" for name in Settings.model_fields}
    for name, service in compose().items():
        given = {key for key in service.get("environment", {}) if key.startswith("ROUNDTABLE_")}
        assert given <= known, name
        assert ("ROUNDTABLE_KEY_FILE" in given) == name.startswith("referrals-"), name


def test_every_password_it_asks_for_is_in_the_example() -> None:
    example = {line.partition("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line}
    text = (ROOT / "docker-compose.yml").read_text()
    asked = {part.partition("}")[0] for part in text.split("${")[1:]}
    assert asked == example
