"""A client meets its own webhooks only, and a site what is its own; nobody learns of another's by them."""

from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.hooks import EVERY_KIND, WRITE, allow_private, done, log_of, registered, triaged

HERE, THERE = uuid4(), uuid4()
URL = "http://127.0.0.1:9/hooks"  # nobody listens there, and nothing is sent in these tests


@pytest.fixture(autouse=True)
def _private(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_private(monkeypatch)


async def every_way(caller: httpx.AsyncClient, webhook: str, delivery: str) -> list[int]:
    """Try everything that can be done with a webhook; return the answers' statuses."""
    path = f"/v1/webhooks/{webhook}"
    answers = [
        await caller.get(path),
        await caller.patch(path, json={"enabled": False}, headers={"If-Match": "*"}),
        await caller.post(f"{path}/rotate"),
        await caller.post(f"{path}/test"),
        await caller.get(f"{path}/deliveries"),
        await caller.get(f"{path}/deliveries/{delivery}"),
        await caller.post(f"{path}/deliveries/{delivery}/resend"),
        await caller.delete(path),
    ]
    return [answer.status_code for answer in answers]


async def test_another_client_finds_nothing(referrals: Door) -> None:
    async with referrals.caller(WRITE, client="church") as own, referrals.caller(WRITE, client="other") as other:
        webhook = await registered(own, URL)
        await triaged(other)
        assert await log_of(own, webhook) == [], "another client's referrals are not told of"
        await triaged(own)
        (delivery,) = await log_of(own, webhook)
        foreign = await registered(other, URL)
        assert await every_way(other, webhook["id"], delivery["id"]) == [404] * 8
        assert [one["id"] for one in (await other.get("/v1/webhooks")).json()["items"]] == [foreign["id"]]
        mixed = f"/v1/webhooks/{foreign['id']}/deliveries/{delivery['id']}"
        assert (await other.get(mixed)).status_code == 404
        assert (await other.post(f"{mixed}/resend")).status_code == 404


async def test_a_webhook_is_told_of_the_sites_of_the_token_that_registered_it(referrals: Door) -> None:
    async with (
        referrals.caller(WRITE, sites=[HERE]) as here,
        referrals.caller(WRITE, sites=[HERE, THERE]) as both,
        referrals.caller(WRITE) as all_sites,
    ):
        hooks = [await registered(each, URL) for each in (here, both, all_sites)]
        made = [
            await triaged(all_sites, **({} if site is None else {"site_id": str(site)})) for site in (HERE, THERE, None)
        ]
        heard = [{one["referral_id"] for one in await log_of(all_sites, hook)} for hook in hooks]
    ids = [referral["id"] for referral in made]
    assert heard == [{ids[0]}, {ids[0], ids[1]}, set(ids)]


async def test_a_site_tells_a_webhook_of_several_sites_that_it_cannot_see(referrals: Door) -> None:
    """Whoever changes a referral makes its sender told of it, and learns nothing of the sender's webhooks."""
    async with (
        referrals.caller(WRITE) as all_sites,
        referrals.caller(WRITE, sites=[HERE]) as here,
        referrals.caller(WRITE, sites=[]) as nowhere,
    ):
        wide = await registered(all_sites, URL)
        own = await registered(here, URL)
        await triaged(here)
        assert len(await log_of(all_sites, wide)) == 1
        (delivery,) = await log_of(here, own)
        assert await every_way(here, wide["id"], delivery["id"]) == [404] * 8
        assert await every_way(nowhere, own["id"], delivery["id"]) == [404] * 8
        assert [one["id"] for one in (await here.get("/v1/webhooks")).json()["items"]] == [own["id"]]
        refused = await nowhere.post("/v1/webhooks", json={"url": URL, "kinds": EVERY_KIND})
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/site-unknown")


async def test_the_database_itself_keeps_sites_apart(referrals: Door, database: Database) -> None:
    async with referrals.caller(WRITE) as all_sites, referrals.caller(WRITE, sites=[HERE]) as here:
        wide, own = await registered(all_sites, URL), await registered(here, URL)
        await triaged(all_sites, site_id=str(THERE))
        await triaged(all_sites, site_id=str(HERE))
    await done(
        database,
        "INSERT INTO webhook_attempts (delivery_id, at, milliseconds) SELECT id, now(), 1 FROM webhook_deliveries",
    )
    role = await asyncpg.connect(database.dsn("referrals"))
    try:
        for context, endpoints, messages in (
            ("", 0, 0),
            (str(uuid4()), 1, 0),
            (str(HERE), 2, 2),
            (str(THERE), 1, 1),
            ("*", 2, 3),
        ):
            await role.execute("SELECT set_config('app.sites', $1, false)", context)
            seen = {
                table: await role.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
                for table in ("webhook_endpoints", "webhook_deliveries", "webhook_attempts")
            }
            expected = {"webhook_endpoints": endpoints, "webhook_deliveries": messages, "webhook_attempts": messages}
            assert seen == expected, context
        await role.execute("SELECT set_config('app.sites', $1, false)", str(HERE))
        assert await role.execute("UPDATE webhook_endpoints SET url = 'https://mine.example'") == "UPDATE 1"
        assert await role.execute("DELETE FROM webhook_endpoints WHERE id = $1", UUID(wide["id"])) == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await role.execute("UPDATE webhook_endpoints SET sites = NULL WHERE id = $1", UUID(own["id"]))
    finally:
        await role.close()
