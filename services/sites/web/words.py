"""The languages that the pages speak: one JSON file each, which also says who has checked it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from shared.codes import code_list

FOLDER = files("services.sites.web") / "words"
FIRST = "en"


@dataclass(frozen=True, eq=False)
class Words:
    """What the pages say in one language; `reviewed_by` None says that nobody has checked it yet."""

    code: str
    name: str
    direction: str
    reviewed_by: str | None
    weekdays: Sequence[str]
    each_weekday: Sequence[str]
    months: Sequence[str]
    of_the_month: Mapping[str, str]
    needs: Mapping[str, str]
    words: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence, its gaps filled."""
        sentence = self.words[key]
        return sentence.format(**values) if values else sentence

    def date(self, on: date) -> str:
        """Return a day, written out."""
        weekday, month = self.weekdays[on.weekday()], self.months[on.month - 1]
        return self("date", weekday=weekday, day=on.day, month=month, year=on.year)

    def listed(self, parts: Sequence[str]) -> str:
        """Return parts as one enumeration."""
        if len(parts) < 2:  # noqa: PLR2004 - one part needs no "and"
            return "".join(parts)
        return self("and", first=self("comma").join(parts[:-1]), last=parts[-1])

    def need(self, code: str) -> str:
        """Return what people may come with; in the code list's words where this language has none."""
        return self.needs.get(code) or code_list("need").label(code) or code


@cache
def spoken() -> Mapping[str, Words]:
    """Return the languages of the pages by code: English, then by code."""
    read = [json.loads(file.read_text(encoding="utf-8")) for file in FOLDER.iterdir() if file.name.endswith(".json")]
    return {each["code"]: _words(each) for each in sorted(read, key=lambda one: (one["code"] != FIRST, one["code"]))}


def _words(read: Mapping[str, Any]) -> Words:
    return Words(**{"needs": {}, **read})


def chosen(given: str | None, accepted: str) -> Words:
    """Return the language that a link names, else the one that a browser likes best of ours, else English."""
    ours = spoken()
    if given is not None and given in ours:
        return ours[given]
    liked = []
    for place, part in enumerate(accepted.split(",")[:20]):
        tag, _, weight = part.partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code in ours:
            liked.append((-_weight(weight), place, code))
    best = min(liked, default=(0.0, 0, FIRST))
    return ours[best[2] if best[0] < 0 else FIRST]


def _weight(text: str) -> float:
    """Return the weight after `q=`; 1 where there is none, 0 where it is none."""
    name, _, number = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(1.0, max(0.0, float(number)))
    except ValueError:
        return 0.0
