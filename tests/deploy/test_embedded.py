"""The embedded servers keep what they acknowledge, and open only their own doors."""

import asyncpg
import pytest


@pytest.mark.parametrize("n", range(5))
async def test_postgres_is_the_version_promised(database, n) -> None:
    c = await asyncpg.connect(database.dsn("sites"))
    assert c.get_server_version().major == 18
    await c.close()
