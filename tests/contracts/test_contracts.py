"""Published events keep their promises: whoever reads them today can read them for ever."""

import copy
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from shared.events import contracts
from shared.events.event import PREFIX
from shared.inbox import read
from tests.contracts.snapshots import HERE, broken, promised, snapshot

SUBJECTS = sorted(contracts())
SAMPLES = sorted(path.name.removesuffix(".sample.json") for path in HERE.glob("*.sample.json"))
PUBLISHED = sorted(path.stem for path in HERE.glob("*.json") if not path.name.endswith(".sample.json"))

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("subject", PUBLISHED)
def test_an_event_once_published_stays_as_it_is(subject: str) -> None:
    assert subject in contracts(), f"{subject} is in streams and outboxes: its contract stays, publish a v2 beside it"
    before = json.loads(snapshot(subject).read_text())
    faults = broken(before, promised(contracts()[subject]))
    assert not faults, f"{'; '.join(faults)}: publish a v2"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_event_has_its_snapshot(subject: str) -> None:
    assert snapshot(subject).exists(), "run: python -m tests.contracts.snapshots"
    before, now = json.loads(snapshot(subject).read_text()), promised(contracts()[subject])
    assert broken(before, now) or before == now, "a new optional field: run python -m tests.contracts.snapshots"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_event_has_a_golden_sample_and_the_name_of_a_versioned_fact(subject: str) -> None:
    assert subject in SAMPLES, f"write tests/contracts/{subject}.sample.json, by hand"
    room, fact, version = subject.split(".")
    assert room
    assert version.removeprefix("v").isdecimal()
    assert fact.rpartition("_")[2].endswith(("ed", "d")), "events are past tense"


@pytest.mark.parametrize("subject", SAMPLES)
def test_what_was_ever_sent_is_still_read(subject: str) -> None:
    data = json.loads((HERE / f"{subject}.sample.json").read_text())
    envelope = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/roundtable/tests",
        "type": f"{PREFIX}{subject}",
        "subject": "x",
        "time": "2026-11-20T10:00:00Z",
        "dataschema": "x",
        "aggregateid": "x",
        "aggregateversion": 1,
        "data": data | {"a_field_of_a_later_version": 1},
    }
    heard = read(f"{PREFIX}{subject}", json.dumps(envelope).encode())
    assert heard.event is not None, heard.reason
    said = heard.event.model_dump(mode="json", exclude_none=True)
    assert {name: said.get(name) for name in data} == data


CHANGES: dict[str, Change] = {
    "source was removed": lambda now: now["fields"].pop("source"),
    "received_on was changed": lambda now: now["fields"]["received_on"].update(format="date-time"),
    "pathway was changed": lambda now: now["fields"]["pathway"].update(pattern="^(triage|drop_in|other)$"),
    "site_id must be there now": lambda now: now["required"].append("site_id"),
    "programme may be absent now": lambda now: now["required"].remove("programme"),
    "its order was changed": lambda now: now.update(aggregate="person_key"),
    "colour must be there now": lambda now: (now["fields"].update(colour={}), now["required"].append("colour")),
}


@pytest.mark.parametrize("fault", CHANGES)
def test_a_broken_promise_is_noticed(fault: str) -> None:
    before = json.loads(snapshot("referrals.received.v1").read_text())
    now = copy.deepcopy(before)
    CHANGES[fault](now)
    assert broken(before, now) == [fault]


def test_a_new_optional_field_and_a_longer_code_list_break_nothing() -> None:
    before = json.loads(snapshot("referrals.received.v1").read_text())
    now = copy.deepcopy(before)
    now["fields"]["colour"] = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    assert broken(before, now) == []
    code, _ = before["fields"]["source"]["anyOf"]
    assert "enum" not in code, "code lists grow"
    assert code["x-code-list"] == "source_of_referral_iapt"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_event_has_a_field_for_an_identifier(subject: str) -> None:
    never = {"nhs_number", "family_name", "given_name", "birth_date", "postcode", "phone", "email", "note", "person_id"}
    assert never & contracts()[subject].model_fields.keys() == set()
