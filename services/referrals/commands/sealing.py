"""How what is known of a person is written down: encrypted, found again by keyed hashes, announced by pseudonym."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from services.referrals.queries.finding import indexes
from services.referrals.schemas.referrals import NewPerson
from services.referrals.tables import SEALED, Demographics
from shared.crypto import Keyring, PersonKey
from shared.events.people import DemographicsRecorded

DEMOGRAPHICS = tuple(name for name in NewPerson.model_fields if name in Demographics.__table__.columns)

Fields = Mapping[str, Any]


def identity_of(person: NewPerson) -> dict[str, str | None]:
    """Return what a sender says of who a person is, as it is encrypted."""
    return {name: None if (value := getattr(person, name)) is None else str(value) for name in SEALED}


def sealed(keys: Keyring, key: PersonKey, identity: Fields) -> dict[str, bytes | None]:
    """Return a person's identifying columns: every field encrypted, and the hashes that find them again."""
    written = {name: None if (value := identity[name]) is None else key.seal(name, value) for name in SEALED}
    return written | indexes(keys, identity)


def announcement(keys: Keyring, person_id: UUID, birth_date: date | str | None, known: Fields) -> DemographicsRecorded:
    """Return the event that tells everything now known of a person's demographics."""
    return DemographicsRecorded(
        person_key=keys.person_key(person_id),
        birth_month=str(birth_date)[:7] if birth_date else None,
        **{name: known[name] for name in DEMOGRAPHICS},
    )
