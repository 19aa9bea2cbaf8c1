"""Whose a pathway is: recomputed for the people that a batch touched, whichever of the events that say so came first."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Few people were ever merged or erased: whoever was neither needs nothing.
OUT_OF_THE_ORDINARY = text("""
SELECT person_key FROM persons WHERE into_key IS NOT NULL AND person_key = ANY (CAST(:keys AS text[]))
UNION ALL
SELECT person_key FROM erased_people WHERE person_key = ANY (CAST(:keys AS text[]))
""")
# Nobody counts as somebody erased, whose key is nowhere left: neither those of the batch, nor those merged into one of it.
UNLINK_MERGED = text("""
UPDATE persons SET into_key = NULL FROM erased_people
WHERE into_key = erased_people.person_key
  AND (persons.person_key = ANY (CAST(:keys AS text[])) OR erased_people.person_key = ANY (CAST(:keys AS text[])))
RETURNING persons.person_key
""")
LINK = text("""
UPDATE pathways
SET person_key = CASE WHEN erased_people.person_key IS NULL THEN each.key END,
    counts_as = CASE WHEN erased_people.person_key IS NULL THEN coalesce(persons.into_key, each.key) END
FROM unnest(CAST(:keys AS text[])) AS each (key)
LEFT JOIN persons ON persons.person_key = each.key
LEFT JOIN erased_people ON erased_people.person_key = each.key
WHERE pathways.person_key = each.key
""")
FORGET = tuple(
    text(
        f"DELETE FROM {table} USING erased_people"  # noqa: S608 - our own names
        f" WHERE {table}.person_key = erased_people.person_key AND {table}.person_key = ANY (CAST(:keys AS text[]))"
    )
    for table in ("persons", "restrictions")
)


async def link_pathways(session: AsyncSession, keys: Collection[str]) -> None:
    """Let pathways of these people count as they should, where that is not the person they came with."""
    found = list(await session.scalars(OUT_OF_THE_ORDINARY, {"keys": list(keys)}))
    if found:
        await link_people(session, found)


async def link_people(session: AsyncSession, keys: Collection[str]) -> None:
    """Let every pathway of these people count as the person they were merged into, or as nobody's once erased."""
    unlinked = await session.scalars(UNLINK_MERGED, {"keys": list(keys)})
    wanted = {"keys": sorted({*keys, *unlinked})}
    await session.execute(LINK, wanted)
    for forget in FORGET:
        await session.execute(forget, wanted)
