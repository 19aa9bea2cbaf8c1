"""A client registers where it is told of its referrals, and nobody else reaches it there."""

from base64 import b64decode
from typing import Any
from uuid import uuid4

import pytest

from services.referrals.commands.webhooks import MOST
from shared.crypto import keyring
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.hooks import EVERY_KIND, WRITE, allow_private, log_of, registered, triaged

HERE, THERE = uuid4(), uuid4()
URL = "http://127.0.0.1:9/hooks"  # nobody listens there, and nothing is sent in these tests


@pytest.fixture(autouse=True)
def _private(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_private(monkeypatch)


async def test_a_secret_is_shown_once_and_is_kept_encrypted(referrals: Door, database: Database) -> None:
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post("/v1/webhooks", json={"url": URL, "kinds": ["referral.triaged"] * 2})
        made = answer.json()
        location = answer.headers["Location"]
        read = await caller.get(location)
        listed = (await caller.get("/v1/webhooks")).json()["items"]
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert len(b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert read.json() == made == listed[0]
    assert (made["kinds"], made["enabled"], made["sites"]) == (["referral.triaged"], True, None)
    (row,) = await rows(database, "webhook_endpoints")
    assert secret not in str(row)
    assert keyring().open("webhook secret", row["id"], row["secret"]) == secret


async def test_a_repeated_registration_shows_the_same_secret_and_keeps_it_nowhere_readable(
    referrals: Door, database: Database
) -> None:
    key = {"Idempotency-Key": "webhook-1"}
    async with referrals.caller(WRITE) as caller:
        sent = {"url": URL, "kinds": EVERY_KIND}
        first = await caller.post("/v1/webhooks", json=sent, headers=key)
        again = await caller.post("/v1/webhooks", json=sent, headers=key)
        other = await caller.post("/v1/webhooks", json=sent | {"kinds": EVERY_KIND[:1]}, headers=key)
        turn = f"{first.headers['Location']}/rotate"
        rotated = [await caller.post(turn, headers={"Idempotency-Key": "rotate-1"}) for _ in range(2)]
    assert (first.json(), first.headers["ETag"]) == (again.json(), again.headers["ETag"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reused")
    assert rotated[0].json() == rotated[1].json()
    assert len(await rows(database, "webhook_endpoints")) == 1
    kept = b"".join(row["body"] for row in await rows(database, "idempotency_keys"))
    assert b"whsec" not in kept
    assert b"secret" not in kept


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.org/", "url_not_https"),
        ("ftp://example.org/", "url_not_https"),
        ("//example.org/", "url_not_https"),
        ("referrer", "url_not_https"),
        ("https://", "url_invalid"),
        ("https://[::1", "url_invalid"),
        ("https://exam ple.org/", "url_invalid"),
        ("https://example.org/\x01", "url_invalid"),
        ("https://ex\u00e4mple.org/", "url_invalid"),
        ("https://okafor:pw@example.org/", "url_with_user"),
        ("https://example.org/#okafor", "url_with_fragment"),
        ("https://example.org:22/", "url_port"),
        ("https://example.org:0/", "url_port"),
        ("https://127.0.0.1/", "url_not_public"),
        ("https://127.1/", "url_not_public"),
        ("https://2130706433/", "url_not_public"),
        ("https://0x7f.1:8443/", "url_not_public"),
        ("https://[::1]/", "url_not_public"),
        ("https://[::ffff:169.254.169.254]/", "url_not_public"),
        ("https://169.254.169.254/latest/meta-data/", "url_not_public"),
        ("https://10.0.0.7:8443/", "url_not_public"),
        ("https://localhost/", "url_not_public"),
        ("https://localhost.:8443/", "url_not_public"),
        ("https://nothing.invalid/", "url_not_public"),
        (f"https://{'a' * 70}.example/", "url_not_public"),
    ],
)
async def test_an_address_is_refused_unless_it_is_public_and_encrypted(
    referrals: Door, monkeypatch: pytest.MonkeyPatch, url: str, code: str
) -> None:
    """A name that leads to our own network and one that leads nowhere are refused alike."""
    allow_private(monkeypatch, allowed=False)
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post("/v1/webhooks", json={"url": url, "kinds": EVERY_KIND})
    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("/url", code)]
    assert "okafor" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"url": URL},
        {"url": URL, "kinds": []},
        {"url": URL, "kinds": ["referral.received"]},
        {"url": URL, "kinds": ["webhook.test"]},
        {"url": URL, "kinds": EVERY_KIND, "secret": "whsec_mine"},
        {"url": None, "kinds": EVERY_KIND},
    ],
)
async def test_what_is_not_a_webhook_is_refused(referrals: Door, body: dict[str, Any]) -> None:
    async with referrals.caller(WRITE) as caller:
        assert (await caller.post("/v1/webhooks", json=body)).status_code == 422


async def test_a_change_names_the_version_it_changes(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller:
        path = f"/v1/webhooks/{(await registered(caller, URL))['id']}"
        unnamed = await caller.patch(path, json={"enabled": False})
        stale = await caller.patch(path, json={"nonsense": 1}, headers={"If-Match": '"9"'})
        wrong = await caller.patch(path, json={"url": "http:/"}, headers={"If-Match": '"1"'})
        nothing = await caller.patch(path, json={"kinds": EVERY_KIND, "enabled": True}, headers={"If-Match": '"1"'})
        changed = await caller.patch(
            path, json={"kinds": ["referral.removed"], "url": f"{URL}/2"}, headers={"If-Match": '"1"'}
        )
        stale_test = await caller.post(f"{path}/test", headers={"If-Match": '"1"'})
        stale_delete = await caller.delete(path, headers={"If-Match": '"1"'})
        gone = await caller.delete(path, headers={"If-Match": '"2"'})
        after = await caller.get(path)
    assert (unnamed.status_code, stale.status_code, wrong.status_code) == (428, 412, 422)
    assert (nothing.status_code, nothing.headers["ETag"]) == (200, '"1"')
    assert (changed.json()["kinds"], changed.json()["url"]) == (["referral.removed"], f"{URL}/2")
    assert changed.headers["ETag"] == '"2"'
    assert (stale_test.status_code, stale_delete.status_code) == (412, 412)
    assert (gone.status_code, gone.content, after.status_code) == (204, b"", 404)


async def test_a_repeated_change_is_answered_as_before_though_its_version_is_past(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller:
        path = f"/v1/webhooks/{(await registered(caller, URL))['id']}"
        headers = {"If-Match": '"1"', "Idempotency-Key": "once"}
        first, again = [await caller.patch(path, json={"enabled": False}, headers=headers) for _ in range(2)]
        deletes = [await caller.delete(path, headers={"Idempotency-Key": "gone"}) for _ in range(2)]
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert [answer.status_code for answer in deletes] == [204, 204]


async def test_disabling_gives_up_what_waits_and_nothing_is_written_down_until_it_is_enabled(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller:
        webhook = await registered(caller, URL)
        path = f"/v1/webhooks/{webhook['id']}"
        await triaged(caller)
        off = await caller.patch(path, json={"enabled": False}, headers={"If-Match": '"1"'})
        await triaged(caller)
        (given_up,) = await log_of(caller, webhook)
        refused = [await caller.post(each) for each in (f"{path}/test", f"{path}/deliveries/{given_up['id']}/resend")]
        on = await caller.patch(path, json={"enabled": True}, headers={"If-Match": '"2"'})
        resent = await caller.post(f"{path}/deliveries/{given_up['id']}/resend")
        await triaged(caller)
        waiting = await log_of(caller, webhook, "?status=pending")
    assert (off.json()["enabled"], off.json()["disabled_because"]) == (False, "asked")
    assert given_up["status"] == "given_up"
    assert {answer.json()["type"] for answer in refused} == {"/problems/webhook-disabled"}
    assert (on.json()["enabled"], on.json()["disabled_because"]) == (True, None)
    assert (resent.status_code, resent.json()["status"]) == (202, "pending")
    assert len(waiting) == 2


async def test_a_client_has_so_many_webhooks_and_no_more(referrals: Door) -> None:
    async with referrals.caller(WRITE) as caller, referrals.caller(WRITE, client="other") as other:
        for _ in range(MOST):
            await registered(caller, URL)
        refused = await caller.post("/v1/webhooks", json={"url": URL, "kinds": EVERY_KIND})
        await registered(other, URL)
        page = (await caller.get("/v1/webhooks?limit=15")).json()
        rest = (await caller.get(f"/v1/webhooks?limit=15&cursor={page['next']}")).json()
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/too-many-webhooks")
    assert len({one["id"] for one in page["items"] + rest["items"]}) == MOST


async def test_who_registered_changed_and_looked_is_in_the_access_log(referrals: Door, database: Database) -> None:
    async with referrals.caller(WRITE, client="church") as caller:
        webhook = await registered(caller, URL)
        await caller.post(f"/v1/webhooks/{webhook['id']}/rotate")
        await caller.post(f"/v1/webhooks/{webhook['id']}/test")
        await log_of(caller, webhook)
        await caller.delete(f"/v1/webhooks/{webhook['id']}")
    found = await rows(database, "audit", "ORDER BY id")
    assert {(row["client"], row["resource_id"]) for row in found} == {("church", webhook["id"])}
    assert [(row["action"], row["resource"], row["detail"]) for row in found] == [
        ("create", "webhook", None),
        ("update", "webhook", "secret"),
        ("execute", "webhook", "test"),
        ("read", "webhook deliveries", "rows=1"),
        ("delete", "webhook", None),
    ]
    assert URL not in str(found)
    assert webhook["secret"] not in str(found)
