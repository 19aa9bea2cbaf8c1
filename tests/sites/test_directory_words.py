"""The directory's languages: whole, honest about who checked them, and running the right way."""

from datetime import date, time
from importlib.resources import files
from string import Formatter
from uuid import uuid4

import httpx
import pytest

from services.sites import tables
from services.sites.web.times import in_words
from services.sites.web.tongues import tongue
from services.sites.web.words import Words, chosen, spoken
from shared.codes import code_list
from tests.doors import Door
from tests.sites.builders import BOTH, offered
from tests.sites.reading import read

ENGLISH = spoken()["en"]
OTHERS = [words for code, words in spoken().items() if code != "en"]
TODAY = date(2026, 11, 20)


def gaps(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_there_are_six_languages_of_which_two_run_from_right_to_left() -> None:
    assert list(spoken()) == ["en", "ar", "bn", "so", "ta", "ur"]
    assert [code for code, words in spoken().items() if words.direction == "rtl"] == ["ar", "ur"]


@pytest.mark.parametrize("words", OTHERS, ids=lambda words: words.code)
def test_every_sentence_is_in_every_language_with_the_same_gaps(words: Words) -> None:
    assert set(words.words) == set(ENGLISH.words)
    assert all(words.words.values())
    assert {key for key, said in words.words.items() if gaps(said) != gaps(ENGLISH.words[key])} == set()
    same = {key for key, said in words.words.items() if said == ENGLISH.words[key] and any(map(str.isalpha, said))}
    assert {key for key in same if gaps(words.words[key]) == set()} == set(), "none was left in English"
    assert [len(words.weekdays), len(words.each_weekday), len(words.months)] == [7, 7, 12]
    assert set(words.of_the_month) == set(ENGLISH.of_the_month)
    assert set(words.needs) == set(code_list("need").codes)


def test_no_sentence_goes_unused() -> None:
    web = files("services.sites.web")
    sources = [file.read_text() for file in web.iterdir() if file.name.endswith(".py")]
    sources += [file.read_text() for file in (web / "templates").iterdir()]
    made = {f"problem_{name}" for name in ("place", "language", "day", "need", "words", "page")}
    said = " ".join(sources)
    assert {key for key in ENGLISH.words if f'"{key}"' not in said} - made - {"phone", "email", "website"} == set()


@pytest.mark.parametrize(
    ("given", "accepted", "code"),
    [
        (None, "", "en"),
        ("ur", "ta", "ur"),
        ("xx", "ta", "ta"),
        (None, "so-SO, en;q=0.8", "so"),
        (None, "fr, ur;q=0.3, bn;q=0.7", "bn"),
        (None, "ta;q=0", "en"),
        (None, "ta;q=none, ;;;,", "en"),
        (None, "zh," * 500, "en"),
    ],
)
def test_a_link_decides_then_the_browser_then_english(given: str | None, accepted: str, code: str) -> None:
    assert chosen(given, accepted).code == code


@pytest.mark.parametrize("words", spoken().values(), ids=lambda words: words.code)
async def test_a_page_says_its_language_its_direction_and_whether_anybody_checked_it(sites: Door, words: Words) -> None:
    async with sites.caller(BOTH) as writer, sites.caller() as visitor:
        offer = (await offered(writer, name="Tea"))["id"]
        for path in ("", "?page=1", f"/{offer}", f"/{offer}/leaflet", "/nowhere"):
            status = (await visitor.get(f"/directory{path}")).status_code
            query = httpx.QueryParams(path.partition("?")[2]).set("lang", words.code)
            page, answer = await read(visitor, path.partition("?")[0], status, **dict(query))
            html = page.one("html")
            assert (html.attributes["lang"], html.attributes["dir"]) == (words.code, words.direction)
            assert answer.headers["content-language"] == words.code
            others = [each for each in page.all("a") if "hreflang" in each.attributes and "lang" in each.attributes]
            assert {each.attributes["lang"] for each in others} == set(spoken()) - {words.code}
            assert all(each.text == spoken()[each.attributes["lang"]].name for each in others)
            unchecked = [each for each in page.all("aside") if words("unchecked") in each.text]
            assert bool(unchecked) == (words.reviewed_by is None) == (words.code != "en")
            assert len(answer.content) < 30_000
        assert words("crisis_111").partition("111")[2] in page.one("footer").text


async def test_what_organisers_wrote_is_marked_as_of_no_known_language_and_runs_its_own_way(sites: Door) -> None:
    async with sites.caller(BOTH) as writer, sites.caller() as visitor:
        offer = (await offered(writer, name="چائے پر بات", description="Tea."))["id"]
        page, _ = await read(visitor, f"/{offer}", lang="ur")
    name = next(each for each in page.all("bdi") if each.text == "چائے پر بات")
    about = next(each for each in page.all("p") if each.text == "Tea.")
    assert name.attributes["lang"] == about.attributes["lang"] == ""
    assert about.attributes["dir"] == "auto", "and bdi is so by itself"


def a_rule(
    freq: str = "WEEKLY", byday: str = "", bymonthday: tuple[int, ...] = (), **changes: object
) -> tables.Schedule:
    fields = {
        "id": uuid4(),
        "freq": freq,
        "interval": 1,
        "byday": byday.split(),
        "bymonthday": list(bymonthday),
        "dtstart": date(2026, 1, 1),
        "valid_to": None,
        "opens_at": time(18),
        "closes_at": time(20),
    }
    return tables.Schedule(**fields | changes)


@pytest.mark.parametrize(
    ("rule", "english"),
    [
        (a_rule(byday="TU"), "Tuesdays 18:00 to 20:00"),
        (a_rule(byday="TH TU"), "Tuesdays and Thursdays 18:00 to 20:00"),
        (a_rule(byday="MO WE FR"), "Mondays, Wednesdays and Fridays 18:00 to 20:00"),
        (a_rule(byday="MO TU WE TH FR"), "Monday to Friday 18:00 to 20:00"),
        (a_rule(byday="MO TU WE TH FR SA SU"), "Every day 18:00 to 20:00"),
        (a_rule(), "Thursdays 18:00 to 20:00"),
        (a_rule(byday="SA", interval=2), "Every other week: Saturday 18:00 to 20:00"),
        (a_rule(byday="SA SU", interval=3), "Every 3 weeks: Saturday and Sunday 18:00 to 20:00"),
        (a_rule("MONTHLY", "-1FR"), "Every month: last Friday 18:00 to 20:00"),
        (a_rule("MONTHLY", "1TU 3TU"), "Every month: first Tuesday and third Tuesday 18:00 to 20:00"),
        (a_rule("MONTHLY", "-3MO"), "Every month: third Monday, counted from the end of the month 18:00 to 20:00"),
        (a_rule("MONTHLY", bymonthday=(1, 15)), "Every month: day 1 and day 15 18:00 to 20:00"),
        (a_rule("MONTHLY", bymonthday=(-1,)), "Every month: the last day 18:00 to 20:00"),
        (a_rule("MONTHLY", "FR", (13,), interval=2), "Every other month: Fridays, day 13 18:00 to 20:00"),
        (a_rule("MONTHLY", interval=4), "Every 4 months: day 1 18:00 to 20:00"),
        (
            a_rule(byday="TU", dtstart=date(2026, 12, 1), valid_to=date(2027, 1, 5)),
            "Tuesdays 18:00 to 20:00, from Tuesday 1 December 2026, until Tuesday 5 January 2027",
        ),
    ],
)
def test_a_schedule_is_said_as_people_say_it(rule: tables.Schedule, english: str) -> None:
    assert in_words(ENGLISH, [rule], TODAY) == [english]
    for words in OTHERS:
        [said] = in_words(words, [rule], TODAY)
        assert "18:00" in said
        assert "{" not in said


def test_what_is_over_is_not_said() -> None:
    assert in_words(ENGLISH, [a_rule(byday="TU", valid_to=date(2026, 11, 19))], TODAY) == []


@pytest.mark.parametrize(
    ("code", "own"),
    [("so", "Soomaali"), ("som", "Soomaali"), ("ben", "বাংলা"), ("ta", "தமிழ்"), ("urd", "اردو"), ("pol", "Polski")],
)
def test_a_language_goes_by_the_name_its_speakers_give_it(code: str, own: str) -> None:
    assert tongue(code).own == own


def test_a_language_that_our_table_lacks_goes_by_its_english_name() -> None:
    assert tongue("kbt").both == "Abadi"
