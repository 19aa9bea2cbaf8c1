"""The sites service, reached as its callers reach it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.databases import Database
from tests.doors import Door, open_door


@pytest.fixture
async def sites(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    async with open_door("sites", database, tmp_path, monkeypatch) as door:
        yield door
