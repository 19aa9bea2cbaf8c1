"""What a visitor looks for, read from a link; of a postcode only its district goes into any link of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.sites.domain.register import postcode
from services.sites.domain.schedule import WEEKDAYS
from services.sites.web.tongues import tongue
from shared.codes import code_list

LONGEST = 100  # letters of free words
LONGEST_PLACE = 60
LAST_PAGE = 10_000
DISTRICT = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?", re.ASCII)
TOWN = re.compile(r"[^\W\d_][^\d_\x00-\x1f\x7f<>@/\\]*")
FIELDS = ("place", "language", "day", "need", "words", "open", "accepting", "page")
YES = "1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A search as understood; a field with a problem is empty, and its problem names a sentence of ours."""

    place: str = ""
    by_postcode: bool = False
    language: str = ""
    day: str = ""
    need: str = ""
    words: str = ""
    open: bool = False
    accepting: bool = False
    page: int = 1
    searching: bool = False
    exact: bool = False  # a whole postcode was given, which no link of ours repeats
    problems: Mapping[str, str]

    def query(self, *, page: int = 1) -> dict[str, str]:
        """Return this search as a link has it, for one of its pages."""
        given = {name: getattr(self, name) for name in ("place", "language", "day", "need", "words")}
        query = {name: value for name, value in given.items() if value}
        query |= {name: YES for name in ("open", "accepting") if getattr(self, name)}
        return query | ({"page": str(page)} if page > 1 or not query else {})

    def without_place(self) -> dict[str, str]:
        """Return this search as a link has it, wherever."""
        return replace(self, place="").query()


def asked(given: Mapping[str, str]) -> Asked:
    """Read a search; whatever is wrong with it is told beside its field, and the rest still holds."""
    problems: dict[str, str] = {}
    text = {name: " ".join(given.get(name, "").split()) for name in FIELDS}

    def one_of(name: str, *, known: bool) -> str:
        if text[name] and not known:
            problems[name] = f"problem_{name}"
        return "" if name in problems else text[name]

    place, exact = _place(text["place"])
    if place is None:
        problems["place"] = "problem_place"
    language = one_of("language", known=text["language"] in code_list("language"))
    day = one_of("day", known=text["day"] in WEEKDAYS)
    need = one_of("need", known=text["need"] in code_list("need"))
    words = one_of("words", known=len(text["words"]) <= LONGEST and text["words"].isprintable())
    page = text["page"] or "1"
    if not (page.isascii() and page.isdecimal() and 1 <= int(page[:6]) <= LAST_PAGE):
        problems["page"] = "problem_page"
    return Asked(
        place=place or "",
        by_postcode=bool(place and DISTRICT.fullmatch(place)),
        language=tongue(language).code if language else "",
        day=day,
        need=need,
        words=words,
        open=text["open"] == YES,
        accepting=text["accepting"] == YES,
        page=1 if "page" in problems else int(page),
        searching=any(name in given for name in FIELDS),
        exact=exact,
        problems=problems,
    )


def _place(text: str) -> tuple[str | None, bool]:
    """Return a place as a district or a town, None when it is neither; and whether it was a whole postcode."""
    if not text:
        return "", False
    whole = postcode(text)
    if whole is not None:
        return whole.split(" ", maxsplit=1)[0], True
    district = text.replace(" ", "").upper()
    if DISTRICT.fullmatch(district):
        return district, False
    return (text if len(text) <= LONGEST_PLACE and TOWN.fullmatch(text) else None), False
