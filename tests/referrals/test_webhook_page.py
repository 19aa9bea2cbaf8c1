"""What `docs/webhooks.md` tells receivers is true."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.referrals.commands.webhooks import MOST
from services.referrals.domain.webhooks import DELAYS, TEST, Kind, signed

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def a_message(sent_at: int, body: bytes = b'{"type": "webhook.test"}', *secrets: str) -> dict[str, str]:
    signature = signed("id-1", sent_at, body, secrets or [SECRET])
    return {"webhook-id": "id-1", "webhook-timestamp": str(sent_at), "webhook-signature": signature}


def test_its_ten_lines_verify_what_we_sign_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)  # noqa: S102 - it is what receivers are told to run
    verified, body, now = names["verified"], b'{"type": "webhook.test"}', int(time.time())
    assert verified(a_message(now), body, SECRET)
    assert verified(a_message(now, body, "whsec_AAAA", SECRET), body, SECRET), "while a secret is being changed"
    assert not verified(a_message(now), body, "whsec_AAAA")
    assert not verified(a_message(now), body + b" ", SECRET)
    assert not verified(a_message(now) | {"webhook-id": "id-2"}, body, SECRET)
    assert not verified(a_message(now) | {"webhook-timestamp": str(now + 1)}, body, SECRET)
    assert not verified(a_message(now - 301), body, SECRET)


def test_it_names_every_kind_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE)) == {*map(str, Kind), TEST}


def test_its_example_has_the_fields_that_are_sent() -> None:
    told = json.loads(block("json"))
    assert list(told) == ["type", "timestamp", "data"]
    assert datetime.fromisoformat(told["timestamp"]) < datetime.now(UTC) + timedelta(days=10_000)
    fields = ["referral_id", "source_system", "source_id", "status", "on", "end_code", "version"]
    assert list(told["data"]) == fields


def test_its_waits_are_the_ones_that_are_kept() -> None:
    units = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1)}
    (row,) = re.findall(r"^\| wait \|(.*)\| given up \|$", PAGE, re.MULTILINE)
    waits = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", row)]
    assert waits == list(DELAYS)
    assert f"at most {MOST} webhooks" in PAGE
