"""Referrals to send, and rows to look at."""

import json
from itertools import count
from typing import Any

import asyncpg

from tests.databases import Database

_numbers = count(1)


def a_referral(**changes: Any) -> dict[str, Any]:
    """Return a referral that is accepted, unlike any other."""
    return {
        "source_system": "iaptus",
        "source_id": f"T-{next(_numbers)}",
        "received_on": "2026-03-14",
        "source": "B1",
        "note": "Prefers the evening; asked for Okafor's sister to be kept out of it.",
        "person": {
            "nhs_number": "9434765919",
            "family_name": "Okafor",
            "given_name": "Ada",
            "birth_date": "1980-05-17",
            "postcode": "SW17 0QT",
            "phone": "020 7946 0000",
            "email": "ada@example.org",
            "gender_identity": "2",
            "ethnic_category": "N",
            "language": "ig",
            "interpreter_required": False,
            "disabilities": ["NN"],
        },
    } | changes


async def rows(database: Database, table: str, more: str = "", schema: str = "referrals") -> list[dict[str, Any]]:
    """Return a table's rows as the administrator sees them."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        return [dict(row) for row in await connection.fetch(f"SELECT * FROM {schema}.{table} {more}")]  # noqa: S608 - ours
    finally:
        await connection.close()
