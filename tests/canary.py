"""Canaries: identifiers unlike any other text, and a search that finds them in whatever form they might have slipped out."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from json import dumps
from pathlib import Path
from typing import Any
from urllib.parse import quote

CANARY: dict[str, str] = {
    "nhs_number": "9990548609",
    "local_patient_id": "LPID-77QX-31KW",
    "family_name": "Quillfeather-Xanthopoulou",
    "given_name": "Zéphyrine",
    "birth_date": "1937-02-11",
    "postcode": "ZE1 9QX",
    "phone": "07700 900461",
    "email": "zephyrine@quillfeather.example",
}
NOTE = "Keeps a quokka called Bartholomew in the vestry."


def a_canary(**changes: Any) -> dict[str, Any]:
    """Return a referral of somebody whose every identifier is a canary."""
    return {
        "source_system": "iaptus",
        "source_id": "C-1",
        "received_on": "2026-03-14",
        "source": "B1",
        "note": NOTE,
        "person": {**CANARY, "gender_identity": "2", "ethnic_category": "N"},
    } | changes


def needles() -> dict[str, str]:
    """Return what must be found nowhere, by name; dates and numbers in their other spellings too."""
    year, month, day = CANARY["birth_date"].split("-")
    number = CANARY["nhs_number"]
    return {
        **CANARY,
        "note": NOTE,
        "a word of the note": "Bartholomew",
        "half of the family name": "Xanthopoulou",
        "birth_date, British": f"{day}/{month}/{year}",
        "birth_date, squeezed": f"{year}{month}{day}",
        "nhs_number, spaced": f"{number[:3]} {number[3:6]} {number[6:]}",
        "phone, squeezed": CANARY["phone"].replace(" ", ""),
    }


def forms(text: str) -> set[bytes]:
    """Return the lower-cased ways a text may be written: plain, escaped, quoted, in hexadecimal or base64."""
    raw = text.encode()
    found = {raw, text.lower().encode(), text.upper().encode(), text.replace(" ", "").encode(), quote(text).encode()}
    found |= {
        dumps(text)[1:-1].encode(),
        text.encode("unicode_escape"),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
    }
    found |= {each.hex().encode() for each in list(found)}
    for before in range(3):  # base64 looks different at each of three places
        code = b64encode(b"\0" * before + raw)
        first, past = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        found |= {code[first:past], code[first:past].translate(bytes.maketrans(b"+/", b"-_"))}
    return {each.lower() for each in found}


def find(wanted: Mapping[str, str], haystacks: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return which needles are in which haystack, in any of their forms; nothing else of what was found is shown."""
    written = {name: forms(text) for name, text in wanted.items()}
    return [
        f"{name} in {where}"
        for where, content in haystacks
        for lowered in [content.lower()]
        for name, ways in written.items()
        if any(way in lowered for way in ways)
    ]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
