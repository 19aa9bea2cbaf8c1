"""Languages by the names that their speakers give them, with a small table of our own."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from services.sites.queries.register import same_language
from shared.codes import code_list


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language: its shortest code, its own name, and its English one."""

    code: str
    own: str
    english: str

    @property
    def both(self) -> str:
        """Its own name, with the English one where that differs."""
        return self.own if self.own == self.english else f"{self.own} ({self.english})"


def tongue(code: str) -> Tongue:
    """Return the language that a code names; one that our table lacks goes by its English name."""
    shortest = min(same_language(code) or [code], key=len)
    english = code_list("language").label(code) or code
    return Tongue(shortest, _autonyms().get(shortest, english), english)


def tongues(codes: Iterable[str]) -> list[Tongue]:
    """Return languages, each once, in the order given."""
    return list(dict.fromkeys(tongue(code) for code in codes))


@cache
def _autonyms() -> Mapping[str, str]:
    names: Mapping[str, str] = json.loads((files("services.sites.web") / "autonyms.json").read_text(encoding="utf-8"))
    return names
