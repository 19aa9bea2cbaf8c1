"""`python -m bench.directory`: how long a search takes among 10,000 sites and 50,000 offers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import perf_counter

import asyncpg
import httpx
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from bench.figures import Figure, keep, machine, show
from bench.rig import Rig, rig
from services.sites.domain.offers import Point
from services.sites.queries.offers import Search, search
from shared import db

TIMES = 60
A_PAGE = 20
SEED = """
INSERT INTO sites.organisations
    (id, name, kind, registered_by, content_digest, version, created_at, modified_at)
SELECT gen_random_uuid(), 'Organisation ' || n, 'charity', 'bench', '', 1, now(), now() FROM generate_series(1, 5000) n;
INSERT INTO sites.sites
    (id, organisation_id, name, line_1, town, postcode, latitude, longitude, languages, redacted_address, co_provider,
     joined_on, status, registered_by, content_digest, version, created_at, modified_at)
SELECT gen_random_uuid(), o.id, o.name || ', hall ' || h, '1 High Street', 'Town', 'SW' || 1 + n % 20 || ' ' || n % 10 || 'AB',
       50 + random() * 6, -5 + random() * 6, '{en}', random() < 0.02, true, '2025-01-01',
       'active', 'bench', '', 1, now() - n * interval '1 minute', now() - n * interval '1 minute'
FROM (SELECT id, name, row_number() OVER () AS n FROM sites.organisations) o, generate_series(1, 2) h;
INSERT INTO sites.offers
    (id, site_id, name, description, programme, therapy_types, needs, languages, accepting_referrals, designed_by,
     delivered_by, status, registered_by, content_digest, version, created_at, modified_at)
SELECT gen_random_uuid(), s.id, (ARRAY['Talking over tea', 'Walking group', 'Sewing circle', 'Choir', 'Drop-in'])[k],
       'Come as you are; somebody listens. '
       || array_to_string(ARRAY(SELECT 'word' || floor(random() * 2000) FROM generate_series(k, k + 30)), ' ')
       || ' ' || (ARRAY['gardening', 'carpentry', 'swimming', 'poetry'])[1 + floor(random() * 4)::int],
       'talking_therapies', '{}',
       ARRAY[(ARRAY['anxiety', 'low_mood', 'sleep', 'work', 'trauma', 'faith'])[1 + floor(random() * 6)::int]],
       ARRAY['en', (ARRAY['so', 'bn', 'ur', 'ta', 'pl', 'tr', 'ar', 'fa'])[1 + floor(random() * 8)::int]],
       random() < 0.5, 'together', 'together', 'active', 'bench', '', 1,
       s.created_at + k * interval '1 second', s.created_at + k * interval '1 second'
FROM sites.sites s, generate_series(1, 5) k;
INSERT INTO sites.schedules
    (id, offer_id, position, freq, interval, byday, bymonthday, dtstart, opens_at, closes_at)
SELECT gen_random_uuid(), id, p, (ARRAY['WEEKLY', 'MONTHLY'])[p + 1], 1 + floor(random() * 2)::int,
       ARRAY[(ARRAY['', '-1'])[p + 1] || (ARRAY['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'])[1 + floor(random() * 7)::int]],
       '{}', '2025-01-06', '10:00', '13:00'
FROM sites.offers, generate_series(0, 1) p;
ANALYZE sites.organisations, sites.sites, sites.offers, sites.schedules;
"""
THURSDAY = datetime(2026, 11, 19, 11, tzinfo=UTC)
PLACE = Point(51.44, -0.17)
SEARCHES: Mapping[str, Search] = {
    "everything, by name": Search(),
    "language": Search(language="so"),
    "need": Search(need="sleep"),
    "day": Search(day="TH"),
    "open at an instant": Search(open_at=THURSDAY),
    "within 10 km, nearest first": Search(near=PLACE, within=10),
    "one word": Search(words="swim"),
    "all of them": Search(
        language="so", need="sleep", day="TH", open_at=THURSDAY, near=PLACE, within=50, accepting_referrals=True
    ),
}
LISTS = ("language=so", "day=TH&accepting_referrals=true", "q=swim", "near=SW17 1AB&within=25", "modified_after=")


async def seed(admin_dsn: str) -> None:
    """Fill the register: 5,000 organisations, 10,000 sites, 50,000 offers at 100,000 times."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        await connection.execute(SEED)
    finally:
        await connection.close()


async def timed(work: Callable[[], Awaitable[object]]) -> list[float]:
    """Return how many milliseconds something takes, each time, after a first look."""
    await work()
    took = []
    for _ in range(TIMES):
        began = perf_counter()
        await work()
        took.append((perf_counter() - began) * 1000)
    return took


def figure(name: str, took: list[float]) -> Figure:
    """Return the 95th of a hundred; its rounds are the median, that and the longest."""
    late = quantiles(took, n=20)[-1]
    return Figure(name, late, "ms p95", rounds=(median(took), late, max(took)))


async def searches(sessions: async_sessionmaker[AsyncSession]) -> list[Figure]:
    """Measure each search as the directory and the feed make it, in a transaction that row-level security limits."""

    async def once(wanted: Search) -> None:
        async with sessions() as session:
            db.limit_to(session, None)
            await search(session, wanted, limit=A_PAGE)

    return [figure(f"search: {name}", await timed(lambda one=one: once(one))) for name, one in SEARCHES.items()]  # type: ignore[misc]


async def lists(port: int, token: str) -> list[Figure]:
    """Measure `GET /v1/offers` over HTTP."""
    headers = {"Authorization": f"Bearer {token}"}
    recent = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:

        async def ask(query: str) -> None:
            (await client.get(f"/v1/offers?{query}")).raise_for_status()

        found = []
        for query in LISTS:
            whole = query.replace("modified_after=", f"modified_after={recent}&compact=true")
            found.append(figure(f"GET /v1/offers?{query}", await timed(lambda whole=whole: ask(whole))))  # type: ignore[misc]
        return found


async def measure(parts: Rig) -> list[Figure]:
    """Seed, then search."""
    await seed(parts.system.admin_dsn)
    engine = db.connect(parts.dsn("sites"))
    try:
        return await searches(db.sessions(engine))
    finally:
        await engine.dispose()


def main() -> None:
    """Measure, print, keep."""
    console, where = Console(width=140), machine()
    with rig() as parts:
        figures = asyncio.run(measure(parts))
        with parts.service("sites-api"):
            figures += asyncio.run(lists(parts.system.port("sites"), parts.token("sites:read")))
    show(console, figures, where)
    console.print(f"Kept in bench/results/{keep(figures, where).name}.", highlight=False)


if __name__ == "__main__":
    main()
