"""Sites ask those who answer to them; question, answer and what was done stand in a log that anybody reads (S16)."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.sites.open_referral.pace import pace
from shared.days import today
from shared.settings import settings
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, events, held, rows
from tests.sites.together import a_table, days_ago, moved, posted

WORDS = "When will the evening group have an interpreter for Tamil?"


async def test_a_question_is_asked_answered_and_acted_on(sites: Door, database: Database) -> None:
    async with a_table(sites) as table, sites.caller() as anybody:
        asked = await posted(
            table.community, "/v1/questions", {"to_organisation": table.trust, "text": WORDS, "topic": "interpreters"}
        )
        path = f"/v1/questions/{asked['id']}"
        assert (asked["asked_by_site"], asked["asked_on"], asked["due_on"]) == (table.site, str(today()), days_ago(-28))
        assert (asked["public"], asked["status"], asked["overdue"]) == (True, "open", False)
        too_soon = await table.statutory.post(f"{path}/answer", json={"you_said_we_did": "Done."})
        answered = await posted(table.statutory, f"{path}/answer", {"answer": "In November."}, 200)
        assert (answered["status"], answered["answered_on"]) == ("answered", str(today()))
        done = await posted(table.statutory, f"{path}/answer", {"you_said_we_did": "One comes on Tuesdays."}, 200)
        same = await posted(table.statutory, f"{path}/answer", {"answer": "In November."}, 200)
        other = await table.statutory.post(f"{path}/answer", json={"answer": "Never."})
        log = (await anybody.get("/v1/questions/public")).json()
    assert (too_soon.status_code, too_soon.json()["type"]) == (409, "/problems/question-unanswered")
    assert done == same
    assert (other.status_code, other.json()["type"]) == (409, "/problems/question-already-answered")
    assert log["items"] == [
        {
            "id": asked["id"],
            "asked_by": {"id": table.site, "name": "Beechcroft Road hall"},
            "to": {"id": table.trust, "name": "South West London NHS Trust"},
            "text": WORDS,
            "topic": "interpreters",
            "asked_on": str(today()),
            "due_on": days_ago(-28),
            "status": "answered",
            "overdue": False,
            "answer": "In November.",
            "answered_on": str(today()),
            "you_said_we_did": "One comes on Tuesdays.",
        }
    ]
    said = await events(database, asked["id"])
    assert [(subject.split(".")[1], version) for subject, version, _ in said] == [
        ("question_asked", 1),
        ("question_answered", 2),
        ("question_answered", 3),
    ]
    assert [data["you_said_we_did"] for _, _, data in said[1:]] == [False, True]
    assert WORDS not in str(said)
    assert "November" not in str(said)


async def test_who_may_answer_is_who_was_asked_or_serves_all_sites(sites: Door) -> None:
    async with a_table(sites) as table:
        mosque = (await table.elsewhere.get(f"/v1/sites/{table.other_site}")).json()["organisation_id"]
        to_trust = await posted(table.community, "/v1/questions", {"to_organisation": table.trust, "text": WORDS})
        to_mosque = await posted(
            table.community, "/v1/questions", {"to_organisation": mosque, "text": WORDS, "public": False}
        )
        answer = {"answer": "Yes."}
        own = await table.community.post(f"/v1/questions/{to_trust['id']}/answer", json=answer)
        foreign = await table.elsewhere.post(f"/v1/questions/{to_trust['id']}/answer", json=answer)
        asked = await table.elsewhere.post(f"/v1/questions/{to_mosque['id']}/answer", json=answer)
        read = await table.elsewhere.get(f"/v1/questions/{to_mosque['id']}")
        hidden = await table.elsewhere.patch(
            f"/v1/questions/{to_mosque['id']}", json={"public": True}, headers={"If-Match": "*"}
        )
    assert [(one.status_code, one.json()["type"]) for one in (own, foreign)] == [
        (403, "/problems/question-not-yours")
    ] * 2
    assert (asked.status_code, read.json()["answer"]) == (200, "Yes.")
    assert (hidden.status_code, hidden.json()["type"]) == (403, "/problems/question-not-yours")


async def test_the_public_log_shows_public_questions_only(sites: Door, database: Database) -> None:
    async with a_table(sites) as table, sites.caller() as anybody:
        shown = await posted(table.community, "/v1/questions", {"to_organisation": table.trust, "text": WORDS})
        secret = {"to_organisation": table.trust, "text": "A secret.", "public": False}
        await posted(table.community, "/v1/questions", secret)
        for reader in (anybody, table.elsewhere, table.community, table.statutory):
            log = (await reader.get("/v1/questions/public")).json()["items"]
            assert [each["id"] for each in log] == [shown["id"]]
            assert "client" not in log[0]
            assert "hall-app" not in str(log)
        assert (await anybody.get("/v1/questions/public", params={"topic": "rooms"})).json()["items"] == []
        assert (await anybody.get("/v1/questions/public", params={"status": "open"})).json()["items"] == log
        assert (await anybody.get("/v1/questions")).status_code == 401
        gone = await table.community.patch(f"/v1/questions/{shown['id']}", json={"public": False}, headers=held(1))
        assert (gone.status_code, gone.json()["version"]) == (200, 2)
        assert (await anybody.get("/v1/questions/public")).json() == {"items": [], "next": None}
        answered = await posted(table.statutory, f"/v1/questions/{shown['id']}/answer", {"answer": "Soon."}, 200)
    assert answered["version"] == 3
    assert [version for _, version, _ in await events(database, shown["id"])] == [1, 2]


async def test_the_log_has_pages(sites: Door) -> None:
    async with a_table(sites) as table, sites.caller() as anybody:
        for number in range(3):
            await posted(
                table.community, "/v1/questions", {"to_organisation": table.trust, "text": f"Question {number}?"}
            )
        first = (await anybody.get("/v1/questions/public", params={"limit": 2})).json()
        rest = (await anybody.get("/v1/questions/public", params={"limit": 2, "cursor": first["next"]})).json()
    assert [each["text"] for each in first["items"] + rest["items"]] == [f"Question {number}?" for number in range(3)]


async def test_the_log_is_read_at_a_fair_pace(sites: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDTABLE_FEED_REQUESTS_PER_MINUTE", "2")
    settings.cache_clear()
    pace.cache_clear()
    async with sites.caller() as anybody:
        told = [await anybody.get("/v1/questions/public") for _ in range(3)]
    pace.cache_clear()
    assert [one.status_code for one in told] == [200, 200, 429]
    assert int(told[2].headers["Retry-After"]) > 0


async def test_overdue_questions_are_visible_to_everybody(sites: Door, database: Database) -> None:
    async with a_table(sites) as table, sites.caller() as anybody:
        late = await posted(table.community, "/v1/questions", {"to_organisation": table.trust, "text": WORDS})
        other = {"to_organisation": table.trust, "text": WORDS, "due_on": days_ago(0)}
        due = await posted(table.community, "/v1/questions", other)
        await moved(database, "UPDATE questions SET due_on = $1 WHERE id = $2", 1, UUID(late["id"]))
        for status, expected in (("overdue", [late]), ("open", [late, due]), ("answered", [])):
            for path, reader in (("/v1/questions", table.community), ("/v1/questions/public", anybody)):
                items = (await reader.get(path, params={"status": status})).json()["items"]
                assert [each["id"] for each in items] == [each["id"] for each in expected], (path, status)
        one = (await table.community.get(f"/v1/questions/{late['id']}")).json()
    assert (one["status"], one["overdue"]) == ("open", True)


async def test_a_question_names_what_there_is_and_is_asked_once(sites: Door, database: Database) -> None:
    named = {"id": str(uuid4()), "text": WORDS}
    async with (
        a_table(sites) as table,
        sites.caller(BOTH, sites=[UUID(table.site), UUID(table.other_site)]) as two,
    ):
        unknown = await table.community.post("/v1/questions", json=named | {"to_organisation": str(uuid4())})
        whose = await two.post("/v1/questions", json=named | {"to_organisation": table.trust})
        body: dict[str, Any] = named | {"to_organisation": table.trust}
        foreign = await table.community.post("/v1/questions", json=body | {"asked_by_site": table.other_site})
        past = await table.community.post("/v1/questions", json=body | {"due_on": days_ago(1)})
        first = await table.community.post("/v1/questions", json=body)
        again = await table.community.post("/v1/questions", json=body)
        other = await table.community.post("/v1/questions", json=body | {"text": "Else?"})
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/organisation-unknown")
    assert unknown.json()["errors"][0]["pointer"] == "/to_organisation"
    assert (whose.status_code, whose.json()["errors"][0]["pointer"]) == (422, "/asked_by_site")
    assert (foreign.status_code, past.status_code) == (404, 422)
    assert [one.status_code for one in (first, again, other)] == [201, 200, 409]
    assert len(await rows(database, "questions")) == 1
