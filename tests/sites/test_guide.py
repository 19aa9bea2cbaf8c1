"""The page for coordinators and app makers says what works."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.doors import Door
from tests.sites.builders import BOTH, registered

PAGE = (Path(__file__).parents[2] / "docs" / "sites.md").read_text()
CALL = re.compile(
    r"^sites (?:-X (?P<method>\w+) )?(?:-H 'If-Match: (?P<held>[^']+)' )?\$SITES(?P<path>/\S+) -d '(?P<body>\{.*?\})'$",
    re.MULTILINE | re.DOTALL,
)


async def test_every_call_on_the_page_is_accepted_and_again(sites: Door) -> None:
    calls: list[dict[str, Any]] = [found.groupdict() for found in CALL.finditer(PAGE)]
    assert len(calls) == PAGE.count("\nsites $SITES/") + PAGE.count("\nsites -X ") == 3
    async with sites.caller(BOTH) as trust:
        site = (await registered(trust))["id"]
    async with sites.caller(BOTH, client="hall-app", sites=[UUID(site)]) as app:
        for place, call in enumerate(calls):
            held = {"If-Match": call["held"]} if call["held"] else {}
            for _ in range(2):
                again = {"Idempotency-Key": f"call-{place}"}
                answer = await app.request(
                    call["method"] or "POST",
                    f"/v1{call['path']}",
                    json=json.loads(call["body"]),
                    headers=held | again,
                )
                assert answer.status_code in {200, 201}, answer.text
        asked = re.search(r'"\$SITES/sites/\$SITE(/summary\?[^"]+)"', PAGE)
        assert asked is not None
        summary = await app.get(f"/v1/sites/{site}{asked[1]}")
    assert summary.json()["sessions"]["headcount"] == 54


async def test_every_address_in_the_table_exists(sites: Door) -> None:
    known = set(sites.app.openapi()["paths"])
    rows = re.findall(r"^\|[^|]+\|[^|]+\| (`.+`) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 12
    for row in rows:
        for path in re.findall(r"/[a-z-]+(?:/\{id\})?(?:/[a-z]+)?", row):
            there = {re.sub(r"\{\w+\}", "{id}", each) for each in known}
            assert f"/v1{path}" in there or any(each.endswith(f"{{id}}{path}") for each in there), path
