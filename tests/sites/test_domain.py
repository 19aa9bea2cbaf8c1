"""Spelling and shape: postcodes, charity numbers, web addresses, dates, coordinates."""

from datetime import date

import pytest

from services.sites.domain import register as domain

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("SW17 7BU", "SW17 7BU"),
        ("sw177bu", "SW17 7BU"),
        (" e 1  6an ", "E1 6AN"),
        ("W1A 1HQ", "W1A 1HQ"),
        ("EC1A1BB", "EC1A 1BB"),
        ("M1 1AE", "M1 1AE"),
        ("B33 8TH", "B33 8TH"),
        ("CR2 6XH", "CR2 6XH"),
        ("DN55 1PT", "DN55 1PT"),
        ("GIR 0AA", "GIR 0AA"),
    ],
)
def test_a_postcode_is_kept_in_its_usual_spelling(written: str, spelled: str) -> None:
    assert domain.postcode(written) == spelled


@pytest.mark.parametrize(
    "written", ["", "SW17", "SW17 7B", "SW17 7BUU", "QW1 1AA", "SW17 7CU", "1AA 1AA", "SW\u06617 7BU"]
)
def test_what_has_not_the_form_of_a_postcode_is_none(written: str) -> None:
    assert domain.postcode(written) is None


@pytest.mark.parametrize("number", ["1088333", "202918", "1088333-12", "SC005336", "NIC100002"])
def test_the_three_uk_registers_number_charities(number: str) -> None:
    assert domain.charity_number(number.lower()) == number


@pytest.mark.parametrize("number", ["", "12345", "12345678", "SC5336", "NIC1", "1088333-", "CE1088333"])
def test_what_has_not_the_form_of_a_charity_number_is_none(number: str) -> None:
    assert domain.charity_number(number) is None


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://Example.ORG/Path?q=1", "https://example.org/Path?q=1"),
        ("http://a-b.example.co.uk", "http://a-b.example.co.uk"),
        ("https://example.org:8443/", "https://example.org:8443/"),
    ],
)
def test_a_website_is_a_public_address(written: str, kept: str) -> None:
    assert domain.website(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "example.org",
        "ftp://example.org/",
        "javascript:alert(1)",
        "https://",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://user:secret@example.org/",
        "https://example.org/a b",
        "https://example.org:99999/",
        "https://[::1/",
        "https://exa\u0301mple.org/",
    ],
)
def test_what_is_not_a_public_address_is_none(written: str) -> None:
    assert domain.website(written) is None


def test_a_site_joined_between_1990_and_today() -> None:
    assert domain.joined(TODAY, TODAY)
    assert domain.joined(date(1990, 1, 1), TODAY)
    assert not domain.joined(date(2026, 11, 21), TODAY)
    assert not domain.joined(date(1989, 12, 31), TODAY)


def test_coordinates_come_in_pairs() -> None:
    assert domain.placed(51.4, -0.1)
    assert domain.placed(None, None)
    assert not domain.placed(51.4, None)
    assert not domain.placed(None, -0.1)


def test_a_redacted_address_is_shown_to_those_who_may_change_it() -> None:
    assert domain.shows_address(redacted=False, may_write=False)
    assert domain.shows_address(redacted=True, may_write=True)
    assert not domain.shows_address(redacted=True, may_write=False)
