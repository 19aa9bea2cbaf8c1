"""How a later referral finds the person of an earlier one: by NHS number, within one site, set by set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.commands.sealing import DEMOGRAPHICS, Fields, announcement
from services.referrals.domain.matching import Identity, compare
from services.referrals.queries.finding import indexes
from services.referrals.queries.people import opened
from services.referrals.tables import SEALED, Demographics, PersonKeyRow
from shared.crypto import Keyring, PersonKey
from shared.outbox import Emission

# A site's people by NHS number, held. A request that comes after the one that made them has waited for its commit: whoever
# brings a number holds its lock since before this statement began, so that this one sees them. One index search a number,
# whatever the planner thinks of a table that grew by a hundred thousand rows since it was last looked at.
KNOWN = text(
    "SELECT p.* FROM people p WHERE p.id = ANY (ARRAY("
    "SELECT found.id FROM unnest(CAST(:numbers AS bytea[]), CAST(:sites AS uuid[])) AS w (number, site) "
    "CROSS JOIN LATERAL (SELECT id FROM people WHERE nhs_number_index = w.number "
    "AND site_id IS NOT DISTINCT FROM w.site AND erased_at IS NULL OFFSET 0) AS found)) "
    "AND p.nhs_number_index IS NOT NULL AND p.erased_at IS NULL ORDER BY p.id FOR NO KEY UPDATE"
)
WRITTEN = ("id", "site_id", "version", "announced", *SEALED, "nhs_number_index", "name_index", "local_id_index")

Number = tuple[UUID | None, bytes]
"""An NHS number at a site, as it is found."""


def contradict(one: Fields, other: Fields) -> bool:
    """Tell whether two identities with one NHS number cannot be one person's: family name and birth date both differ.

    The rule is the matcher's, so that what is not attached here is asked about there.
    """
    found = compare(Identity.of(one), Identity.of(other)).reasons
    return {"family_name_differs", "birth_date_differs"} <= set(found)


@dataclass(slots=True)
class Known:
    """A person as known so far in this transaction, and what is to be written of them."""

    row: dict[str, Any]  # the person's columns
    key: PersonKey
    identity: dict[str, str | None]
    picture: dict[str, Any]  # demographics
    corrections: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def person_id(self) -> UUID:
        """The record's id."""
        found: UUID = self.row["id"]
        return found

    def learn(self, keys: Keyring, client: str, identity: Fields, answered: Fields) -> Emission:
        """Take in what somebody said; what they did not mention stays. Returns what is announced of it.

        In `identity` and `answered` None takes back what was known.
        """
        row, by = self.row, {"person_id": self.person_id, "site_id": self.row["site_id"]}
        now = datetime.now(UTC)
        row["version"] += 1
        row["announced"] += 1
        row["examined_at"] = None
        for name, value in identity.items():
            if value == self.identity[name]:
                continue
            self.corrections.append(
                {**by, "version": row["version"], "field": name}
                | {"was": row[name], "corrected_at": now, "corrected_by": client}
            )
            self.identity[name] = value
            row[name] = None if value is None else self.key.seal(name, value)
        row.update(indexes(keys, self.identity))
        self.picture.update(answered)
        self.answers.append(
            {**by, "version": row["version"], "recorded_at": now, "recorded_by": client}
            | {"answered": list(answered), **self.picture}
        )
        event = announcement(keys, self.person_id, self.identity["birth_date"], self.picture)
        return Emission(event, row["announced"])


async def known(session: AsyncSession, keys: Keyring, numbers: Iterable[Number]) -> dict[Number, list[Known]]:
    """Return the people there are by number, held, those known longest first; one statement when there are none."""
    wanted = sorted(set(numbers), key=lambda number: number[1])
    if not wanted:
        return {}
    people = (
        (await session.execute(KNOWN, {"numbers": [n for _, n in wanted], "sites": [site for site, _ in wanted]}))
        .mappings()
        .all()
    )
    if not people:
        return {}
    return await _opened(session, keys, people)


async def _opened(session: AsyncSession, keys: Keyring, people: Sequence[RowMapping]) -> dict[Number, list[Known]]:
    """Return people that are held, with what was last said of them."""
    said = (
        select(PersonKeyRow.wrapped_by, PersonKeyRow.wrapped, Demographics)
        .join(Demographics, Demographics.person_id == PersonKeyRow.person_id)
        .where(PersonKeyRow.person_id.in_([person["id"] for person in people]))
        .ext(distinct_on(PersonKeyRow.person_id))
        .order_by(PersonKeyRow.person_id, Demographics.version.desc())
    )
    latest = {row.Demographics.person_id: row for row in await session.execute(said)}
    found: dict[Number, list[Known]] = {}
    for person in sorted(people, key=lambda person: (person["created_at"], person["id"])):
        row = latest[person["id"]]
        key = keys.open_person(person["id"], row.wrapped_by, row.wrapped)
        picture = {name: getattr(row.Demographics, name) for name in DEMOGRAPHICS}
        each = Known({name: person[name] for name in WRITTEN}, key, opened(key, person), picture)
        found.setdefault((person["site_id"], person["nhs_number_index"]), []).append(each)
    return found
