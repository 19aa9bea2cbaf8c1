"""What an organisation and a site can be."""

import re
from datetime import date
from urllib.parse import urlsplit

EARLIEST = date(1990, 1, 1)

# Outward code, then inward code; the letters that are never used at their place are left out.
POSTCODE = re.compile(
    r"(?:GIR|[A-PR-UWYZ](?:\d{1,2}|\d[A-HJKPS-UW]|[A-HK-Y]\d{1,2}|[A-HK-Y]\d[ABEHMNPRV-Y]))\d[ABD-HJLNP-UW-Z]{2}",
    re.ASCII,
)
# England and Wales (with a linked charity's suffix), Scotland, Northern Ireland.
CHARITY_NUMBER = re.compile(r"\d{6,7}(?:-\d{1,4})?|SC\d{6}|NIC\d{6}", re.ASCII)
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.ASCII)
WEBSITE_CHARACTERS = re.compile(r"[!-~]+")


def postcode(text: str) -> str | None:
    """Return a postcode in its usual spelling, or None when it has not the form of one."""
    squeezed = re.sub(r"\s+", "", text).upper()
    return f"{squeezed[:-3]} {squeezed[-3:]}" if POSTCODE.fullmatch(squeezed) else None


def charity_number(text: str) -> str | None:
    """Return a charity number of any of the three UK registers as they print it, or None."""
    squeezed = re.sub(r"\s+", "", text).upper()
    return squeezed if CHARITY_NUMBER.fullmatch(squeezed) else None


def website(text: str) -> str | None:
    """Return the address of a public web page, its host in small letters, or None when it is not one."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    plain = WEBSITE_CHARACTERS.fullmatch(text) and parts.scheme in {"http", "https"} and "@" not in parts.netloc
    if not plain or not HOST.fullmatch(host):
        return None
    return parts._replace(netloc=host if port is None else f"{host}:{port}").geturl()


def placed(latitude: float | None, longitude: float | None) -> bool:
    """Tell whether coordinates are both there or both absent."""
    return (latitude is None) == (longitude is None)


def joined(on: date, today: date) -> bool:
    """Tell whether a site can have joined on that day."""
    return EARLIEST <= on <= today


def shows_address(*, redacted: bool, may_write: bool) -> bool:
    """Tell whether a site's whereabouts are shown: a redacted address only to those who may change the site."""
    return may_write or not redacted
