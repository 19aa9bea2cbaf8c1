"""What the return tells of: pathways open at any time in the month, their people, contacts and scores."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.tables import SEALED, Demographics, Person
from services.surveys.instruments import instruments
from shared import audit
from shared.auth import Caller
from shared.crypto import Keyring

MANY = 1000  # people decrypted at a time
OPERATOR = Caller("operator", frozenset())
CODED = tuple(name for name in Demographics.__table__.columns.keys() if name not in Person.__table__.columns)  # noqa: SIM118 - a ColumnCollection

REFERRALS = text("""
SELECT r.id AS referral_id, r.person_id, coalesce(a.root_id, r.person_id) AS counts_as, r.received_on, r.source,
       r.presenting_problem,
       coalesce(r.discharged_on, CASE WHEN r.triage_decision IN ('rejected', 'redirected') THEN r.triaged_on END) AS ended_on,
       coalesce(r.end_code, CASE r.triage_decision WHEN 'rejected' THEN '10' WHEN 'redirected' THEN '11' END) AS end_code
FROM referrals r LEFT JOIN announced_roots a ON a.person_id = r.person_id
WHERE r.removed_at IS NULL AND r.received_on <= :end
ORDER BY r.received_on, r.id
""")
PEOPLE = text("""
SELECT p.*, k.wrapped_by, k.wrapped, to_jsonb(d) AS said
FROM people p LEFT JOIN person_keys k ON k.person_id = p.id
LEFT JOIN LATERAL (SELECT * FROM demographics WHERE person_id = p.id ORDER BY version DESC LIMIT 1) d ON true
WHERE p.id = ANY (CAST(:ids AS uuid[]))
""")
CONTACTS = text("""
SELECT * FROM contacts WHERE removed_at IS NULL AND "on" BETWEEN :start AND :end
AND referral_id = ANY (CAST(:ids AS uuid[])) ORDER BY "on", at NULLS LAST, id
""")
SCORES = text("""
SELECT referral_id, instrument, answered_on, total FROM responses
WHERE total IS NOT NULL AND answered_on BETWEEN :start AND :end AND referral_id = ANY (CAST(:ids AS uuid[]))
ORDER BY answered_on, created_at, id
""")


@dataclass
class Return:
    """The rows of every table, and what was left out with the reason."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Month:
    """The month reported on, and who reports."""

    start: date
    end: date
    provider: str | None
    commissioner: str | None


async def read(referrals: AsyncSession, surveys: AsyncSession, keys: Keyring, month: Month) -> Return:
    """Read the month; each person read is noted in the access log of `referrals`, in the same transaction."""
    found = Return()
    days = {"start": month.start, "end": month.end}
    pathways = [dict(row) for row in (await referrals.execute(REFERRALS, {"end": month.end})).mappings()]
    pathways = [each for each in pathways if each["ended_on"] is None or each["ended_on"] >= month.start]
    for each in pathways:
        if each["ended_on"] is not None and each["ended_on"] > month.end:
            each["ended_on"] = each["end_code"] = None  # as things stood at the month's end
    people = await _people(referrals, keys, pathways, found)
    pathways = [each for each in pathways if each["counts_as"] in people]
    for each in pathways:
        local = people[each["counts_as"]]["local_patient_id"]
        found.rows["IDS101Referral"].append(each | {"local_patient_id": local, "commissioner": month.commissioner})
        if each["presenting_problem"]:
            found.rows["IDS603PresentingComplaints"].append(each)
    for person in people.values():
        _tell_person(found, person | {"provider": month.provider})
    ids = {"ids": [each["referral_id"] for each in pathways]}
    for row in (await referrals.execute(CONTACTS, days | ids)).mappings():
        _tell_contact(found, dict(row))
    tools = {code: instrument.snomed for code, instrument in instruments().items()}
    for row in (await surveys.execute(SCORES, days | ids)).mappings():
        if tool := tools.get(row["instrument"]):
            found.rows["IDS606CodedScoreAssessmentRefer"].append(
                {**row, "tool": tool, "score": f"{row['total'].normalize():f}"}
            )
        else:
            found.left_out["scores of instruments without a national code"] += 1
    now = datetime.now(UTC).replace(microsecond=0)
    found.rows["IDS000Header"].append(
        {"version": "2.1", "system": "Roundtable", "created": now, "provider": month.provider, **days}
    )
    return found


async def _people(
    session: AsyncSession, keys: Keyring, pathways: Sequence[Mapping[str, Any]], found: Return
) -> dict[UUID, dict[str, Any]]:
    """Return who is behind these pathways by the record they count as; a root's own answers win over a merged record's."""
    records: dict[UUID, list[UUID]] = defaultdict(list)
    for each in pathways:
        root = each["counts_as"]
        records[root] += [one for one in (root, each["person_id"]) if one not in records[root]]
    opened = await _opened(session, keys, [one for together in records.values() for one in together], found)
    people = {}
    for root, together in records.items():
        known = [opened[one] for one in together if one in opened]
        if not known:
            continue
        person: dict[str, Any] = {}
        for one in known:
            person |= {name: value for name, value in one.items() if person.get(name) is None}
        people[root] = person | {"local_patient_id": person.get("local_patient_id") or str(root)}
    said = f"export iapt people={len(people)}"
    await audit.record(
        session, [audit.entry(OPERATOR, "read", "person", root, person_id=root, detail=said) for root in people]
    )
    return people


async def _opened(
    session: AsyncSession, keys: Keyring, ids: Sequence[UUID], found: Return
) -> dict[UUID, dict[str, Any]]:
    """Return people decrypted; those erased or restricted are left out and counted."""
    opened: dict[UUID, dict[str, Any]] = {}
    for at in range(0, len(ids), MANY):
        for row in (await session.execute(PEOPLE, {"ids": list(ids[at : at + MANY])})).mappings():
            if row["erased_at"] or row["wrapped"] is None:
                found.left_out["people erased"] += 1
            elif row["restricted_at"]:
                found.left_out["people restricted"] += 1
            else:
                key = keys.open_person(row["id"], row["wrapped_by"], row["wrapped"])
                said = row["said"] or {}
                opened[row["id"]] = {
                    **{name: key.open(name, row[name]) for name in SEALED if row[name] is not None},
                    **{name: said.get(name) for name in CODED},
                    "recorded_on": (said.get("recorded_at") or "")[:10] or None,
                }
    return opened


def _tell_person(found: Return, person: dict[str, Any]) -> None:
    rows = found.rows
    rows["IDS001MPI"].append(person)
    if person.get("employment_status"):
        rows["IDS004EmpStatus"].append(person)
    for code in _each(person.get("disabilities")):
        rows["IDS007DisabilityType"].append(person | {"disability": code})
    for circumstance in (person.get("religion"), person.get("sexual_orientation")):
        if circumstance:
            rows["IDS011SocPerCircumstances"].append(person | {"circumstance": circumstance})
    for code in _each(person.get("long_term_conditions")):
        rows["IDS602LongTermCondition"].append(person | {"condition": code})


def _tell_contact(found: Return, row: Mapping[str, Any]) -> None:
    contact = {**row, "contact_id": row["id"], "planned": "Y" if row["planned"] else "N"}
    found.rows["IDS201CareContact"].append(contact)
    for place, code in enumerate(row["therapy_types"], start=1):
        activity = {"activity_id": f"{row['id']}-{place}", "therapy_type": code}
        found.rows["IDS202CareActivity"].append(contact | activity)


def _each(codes: Iterable[str] | None) -> Iterable[str]:
    return codes or ()
