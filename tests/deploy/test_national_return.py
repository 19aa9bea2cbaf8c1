"""The monthly national return: what it tells, what it leaves out, and how good each field is."""

import csv
import json
from calendar import monthrange
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.national_return.layout import TABLES, Column
from deploy.national_return.reading import Month, read
from deploy.national_return.writing import write
from shared.crypto import keyring
from shared.db import connect, sessions
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

ALL = "referrals:write referrals:read people:read people:write people:erase"
GUIDED = "748051000000105"
RESPONSE = text("""
INSERT INTO responses (id, referral_id, instrument, instrument_version, answered_on, mode, language, helper, total,
                       missing_items, prorated, sent_by, content_digest, version, created_at)
VALUES (:id, :referral_id, :instrument, '1', :on, 'phone', 'en', 'none', :total, 0, false, 'tests', '', 1, now())
""")


def month(text: str) -> Month:
    year, number = map(int, text.split("-"))
    return Month(date(year, number, 1), date(year, number, monthrange(year, number)[1]), "RQY", "36L")


@asynccontextmanager
async def as_administrator(database: Database, service: str) -> AsyncIterator[AsyncSession]:
    engine = connect(database.admin_dsn, pool=1, search_path=service)
    async with sessions(engine).begin() as session:
        yield session
    await engine.dispose()


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


async def returned(database: Database, folder: Path, period: str) -> tuple[dict[str, list[dict[str, str]]], Any]:
    """Return what the files of a month say, and the manifest."""
    async with as_administrator(database, "referrals") as one, as_administrator(database, "surveys") as other:
        told = await read(one, other, keyring(), month(period))
    write(folder, month(period), told)
    tables = {table.name: lines(folder / f"{table.name}.csv") for table in TABLES}
    return tables, json.loads((folder / "manifest.json").read_text())


async def posted(door: Door, **changes: Any) -> dict[str, Any]:
    async with door.caller(ALL) as caller:
        answer = await caller.post("/v1/referrals", json=a_referral(**changes))
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def done(door: Door, path: str, body: dict[str, Any]) -> None:
    async with door.caller(ALL) as caller:
        answer = await caller.post(path, json=body)
        assert answer.is_success, answer.text


async def test_a_pathway_is_told_every_month_until_it_ends(referrals: Door, database: Database, tmp_path: Path) -> None:
    one = await posted(referrals, received_on="2026-03-14", presenting_problem="F320")
    way = f"/v1/referrals/{one['id']}"
    held = {"on": "2026-04-07", "at": "10:30", "attendance": "5", "appointment_type": "03", "duration_minutes": 50}
    await done(referrals, f"{way}/contacts", held | {"therapy_types": [GUIDED], "mechanism": "01", "language": "ig"})
    await done(referrals, f"{way}/contacts", {"on": "2026-05-05", "attendance": "3", "appointment_type": "02"})
    await done(referrals, f"{way}/discharge", {"on": "2026-05-20", "end_code": "47"})
    expected = {
        "2026-02": (0, 0, 0),
        "2026-03": (1, 0, 0),
        "2026-04": (1, 1, 1),
        "2026-05": (1, 1, 0),
        "2026-06": (0, 0, 0),
    }
    for period, (pathways, contacts, activities) in expected.items():
        tables, _ = await returned(database, tmp_path / period, period)
        assert [len(tables[name]) for name in ("IDS101Referral", "IDS201CareContact", "IDS202CareActivity")] == [
            pathways,
            contacts,
            activities,
        ]
        assert len(tables["IDS001MPI"]) == len(tables["IDS603PresentingComplaints"]) == pathways
    april, _ = await returned(database, tmp_path / "again", "2026-04")
    (person,), (pathway,) = april["IDS001MPI"], april["IDS101Referral"]
    assert (person["NHSNumber"], person["PersonBirthDate"], person["EthnicCategory"]) == (
        "9434765919",
        "1980-05-17",
        "N",
    )
    assert (pathway["LocalPatientID"], pathway["SourceOfReferralIAPT"]) == (person["LocalPatientID"], "B1")
    assert (pathway["ServDischDate"], pathway["EndCode"]) == ("", ""), "as things stood at the month's end"
    (contact,) = april["IDS201CareContact"]
    assert (contact["CareContTime"], contact["AttendOrDNACode"], contact["APPTYPE"]) == ("10:30:00", "5", "03")
    may, _ = await returned(database, tmp_path / "may", "2026-05")
    assert (may["IDS101Referral"][0]["ServDischDate"], may["IDS101Referral"][0]["EndCode"]) == ("2026-05-20", "47")


async def test_a_refused_referral_ends_with_the_code_of_its_refusal(
    referrals: Door, database: Database, tmp_path: Path
) -> None:
    one = await posted(referrals, received_on="2026-03-02")
    await done(referrals, f"/v1/referrals/{one['id']}/triage", {"decision": "redirected", "on": "2026-03-09"})
    tables, _ = await returned(database, tmp_path, "2026-03")
    (pathway,) = tables["IDS101Referral"]
    assert (pathway["ServDischDate"], pathway["EndCode"]) == ("2026-03-09", "11")
    april, _ = await returned(database, tmp_path, "2026-04")
    assert april["IDS101Referral"] == []


async def test_every_field_is_valid_default_invalid_or_missing_and_the_four_add_up(
    referrals: Door, database: Database, tmp_path: Path
) -> None:
    for ethnic_category, language in (("A", "en"), ("Z", "aou"), ("99", None), (None, None)):
        coded = {"ethnic_category": ethnic_category, "language": language}
        await posted(referrals, person={name: code for name, code in coded.items() if code})
    tables, manifest = await returned(database, tmp_path, "2026-03")
    quality = {(line["table"], line["field"]): line for line in manifest["data_quality"]["fields"]}
    for line in quality.values():
        assert line["valid"] + line["default"] + line["invalid"] + line["missing"] == line["denominator"]
        assert line["denominator"] == len(tables[line["table"]])
    ethnic = quality["IDS001MPI", "EthnicCategory"]
    assert [ethnic[name] for name in ("valid", "default", "invalid", "missing", "valid_percent")] == [2, 1, 0, 1, 50.0]
    language = quality["IDS001MPI", "LanguageCodePreferred"]
    assert [language[name] for name in ("valid", "invalid", "missing")] == [1, 1, 2], "nationally two letters"
    assert quality["IDS001MPI", "PersonBirthDate"]["missing"] == 4
    assert lines(tmp_path / "data_quality.csv")[0]["field"] == "DatSetVer"


async def test_people_erased_or_restricted_are_left_out_and_counted(
    referrals: Door, database: Database, tmp_path: Path
) -> None:
    one, other, third = [await posted(referrals, person={"family_name": name}) for name in ("Ada", "Ben", "Cy")]
    async with referrals.caller(ALL) as caller:
        decided = {"reason": "asked for it", "decided_by": "information governance lead"}
        erased = await caller.request("DELETE", f"/v1/people/{one['person_id']}", json=decided)
        assert erased.is_success, erased.text
        kept = await caller.post(f"/v1/people/{other['person_id']}/restrict", json={"restricted": True, "reason": "x"})
        assert kept.is_success, kept.text
    tables, manifest = await returned(database, tmp_path, "2026-03")
    assert [pathway["ServiceRequestId"] for pathway in tables["IDS101Referral"]] == [third["id"]]
    assert manifest["left_out"] == {"people erased": 1, "people restricted": 1}


async def test_everybody_told_of_has_a_line_in_the_access_log_and_nobody_else_can_read_the_files(
    referrals: Door, database: Database, tmp_path: Path
) -> None:
    one = await posted(referrals)
    await returned(database, tmp_path / "files", "2026-03")
    entries = await rows(database, "audit", f"WHERE person_id = '{one['person_id']}' AND client = 'operator'")
    assert [(entry["action"], entry["detail"]) for entry in entries] == [("read", "export iapt people=1")]
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "files").iterdir()} == {0}


async def test_scores_answered_in_the_month_are_told_with_their_national_code(
    referrals: Door, database: Database, tmp_path: Path
) -> None:
    one = await posted(referrals)
    async with as_administrator(database, "surveys") as session:
        for instrument, on, total in (
            ("phq_9", "2026-03-20", 17),
            ("gad_7", "2026-03-20", 12),
            ("phq_9", "2026-04-01", 8),
        ):
            await session.execute(
                RESPONSE,
                {
                    "id": uuid4(),
                    "referral_id": one["id"],
                    "instrument": instrument,
                    "on": date.fromisoformat(on),
                    "total": total,
                },
            )
    tables, _ = await returned(database, tmp_path, "2026-03")
    told = [(row["CodedAssToolType"], row["PersScore"]) for row in tables["IDS606CodedScoreAssessmentRefer"]]
    assert sorted(told) == [("445455005", "12"), ("720433000", "17")]


@pytest.mark.parametrize(
    ("code", "on", "quality"),
    [
        ("46", "2026-05-20", "valid"),
        ("42", "2026-05-20", "invalid"),
        ("42", "2019-05-20", "valid"),
        ("QQ", None, "invalid"),
        (None, None, "missing"),
    ],
)
def test_a_code_is_judged_by_the_day_it_was_used(code: str | None, on: str | None, quality: str) -> None:
    column = Column("EndCode", "end_code", "care_spell_end", "ended_on")
    assert column.quality({"end_code": code, "ended_on": date.fromisoformat(on) if on else None}) == quality
