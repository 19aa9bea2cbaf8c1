"""What a pathway's contacts and scores add up to: never incremented, always made again from all of them."""

from collections.abc import Collection
from importlib.resources import files
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting.domain.contacts import CANCELLED, MISSED, NOT_KEPT
from services.reporting.domain.thresholds import thresholds
from services.reporting.tables import Pathway

_columns = Pathway.__table__.columns.keys()
DERIVED = tuple(_columns[_columns.index("ended_on") :])  # the table says so


def _statement() -> str:
    """Return the recomputation with the derived columns filled in."""
    lists = {"columns": "{}", "now_columns": "now.{}", "own_columns": "pathways.{}"}
    sql = files("services.reporting.projections").joinpath("settling.sql").read_text(encoding="utf-8")
    for name, form in lists.items():
        sql = sql.replace(f"{{{name}}}", ", ".join(form.format(column) for column in DERIVED))
    return sql


SETTLE = text(_statement())
# A plan made for any ids whatever takes them for ten and joins them by nested loops: many times the time for some hundred.
PLAN_FOR_THESE = text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
RULES = {
    "missed": sorted(MISSED),
    "cancelled": sorted(CANCELLED),
    "not_kept": sorted(NOT_KEPT),
    "thresholds": to_json(
        [
            {"place": place, **{name: getattr(each, name) for name in each.__slots__}}
            for place, each in enumerate(thresholds())
        ]
    ).decode(),
}


SCORED = text("SELECT DISTINCT referral_id FROM scores WHERE referral_id = ANY (CAST(:ids AS uuid[]))")


async def settle_if_scored(session: AsyncSession, referral_ids: Collection[UUID]) -> None:
    """Make facts of pathways that were just received: of what can come before that, only scores count."""
    if scored := list(await session.scalars(SCORED, {"ids": list(referral_ids)})):
        await settle(session, scored)


async def settle(session: AsyncSession, referral_ids: Collection[UUID]) -> None:
    """Make the facts of these pathways again; those not received yet have none."""
    await session.execute(PLAN_FOR_THESE)
    await session.execute(SETTLE, {"ids": list(referral_ids), **RULES})
