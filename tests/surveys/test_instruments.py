"""The packs: what they say, and what they may not."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from pydantic import ValidationError

from services.surveys.instruments import Instrument, instruments
from shared.codes import code_list
from tests.doors import Door
from tests.surveys.builders import ANSWER, READ

# Multiplication and permutation of the Verhoeff check digit, which ends every SNOMED CT id.
TURNS = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def verhoeff(number: str) -> bool:
    """Tell whether a number ends with its Verhoeff check digit."""

    def times(one: int, other: int) -> int:
        reflected = one >= 5
        turned = (one + (-other if reflected else other)) % 5
        return turned + 5 * (reflected != (other >= 5))

    check = 0
    for place, digit in enumerate(reversed(number)):
        turned = int(digit)
        for _ in range(place % 8):
            turned = TURNS[turned]
        check = times(check, turned)
    return check == 0


def pack(code: str) -> dict[str, Any]:
    """Return a pack as it is shipped."""
    content = files("services.surveys.instruments").joinpath(f"{code}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(content)
    return found


def test_the_shipped_instruments_are_the_published_ones() -> None:
    facts = {
        one.code: (one.snomed, len(one.items), (one.total.lowest, one.total.highest), one.missing.prorate_up_to)
        for one in instruments().values()
    }
    assert facts == {"gad_7": ("445455005", 7, (0, 21), 2), "phq_9": ("720433000", 9, (0, 27), 2)}
    for one in instruments().values():
        assert one.item_ids() == tuple(f"{one.code.replace('_', '')}_{n}" for n in range(1, len(one.items) + 1))
        assert one.values() == {0, 1, 2, 3}
        assert (one.licence.kind, one.licence.text_shipped) == ("free", True)
        assert set(one.languages) <= set(code_list("language").codes)
        assert verhoeff(one.snomed or "")
        assert not verhoeff((one.snomed or "")[:-1] + "9")


def test_what_is_said_in_the_file_is_what_is_served() -> None:
    for code, one in instruments().items():
        assert one.model_dump(mode="json") == pack(code)


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return a pack after a change to it."""
    found = pack("gad_7")
    change(found)
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one["items"].append(one["items"][0]), "items or options repeat"),
        (lambda one: one["items"].pop(), "items, options and total disagree"),
        (lambda one: one["total"].update(highest=22), "items, options and total disagree"),
        (lambda one: one["missing"].update(prorate_up_to=7), "every item may be missing"),
        (lambda one: one["bands"].pop(1), "bands do not cover the totals"),
        (lambda one: one["bands"][0].update(highest=5), "bands do not cover the totals"),
        (lambda one: one["bands"].pop(), "bands do not cover the totals"),
        (lambda one: one["caseness"].append({"at_least": 10}), "thresholds overlap"),
        (lambda one: one["languages"].append("so"), "wording is not in every language"),
        (lambda one: one["licence"].update(text_shipped=False), "wording is shipped or not shipped"),
        (lambda one: one.update(colour="green"), "colour"),
    ],
)
def test_a_pack_that_contradicts_itself_is_refused(change: Callable[[dict[str, Any]], object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Instrument.model_validate(changed(change))


async def test_instruments_are_listed_and_read(surveys: Door) -> None:
    async with surveys.caller(READ) as caller:
        listed = (await caller.get("/v1/instruments")).json()
        one = await caller.get("/v1/instruments/phq_9")
        none = await caller.get("/v1/instruments/phq_10")
    assert [each["code"] for each in listed["items"]] == ["gad_7", "phq_9"]
    assert listed["next"] is None
    assert one.json() == listed["items"][1] == pack("phq_9")
    assert one.headers["ETag"] == '"1"'
    assert none.status_code == 404


async def test_reading_instruments_needs_its_scope(surveys: Door) -> None:
    async with surveys.caller() as nobody, surveys.caller(ANSWER) as sender:
        for path in ("/v1/instruments", "/v1/instruments/phq_9"):
            assert (await nobody.get(path)).status_code == 401
            assert (await sender.get(path)).status_code == 403
