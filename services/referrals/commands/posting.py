"""One message to one address of a client's choosing: public addresses only, checked where it is sent, never redirected."""

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import NamedTuple

import httpx

from services.referrals.domain.addresses import is_public
from shared.problems import FieldError, MalformedRequest
from shared.settings import settings

SECONDS = 10  # for a try, from looking up the name to the answer's first line
CONNECT_SECONDS = 4
LOOKUP_SECONDS = 3  # while a client waits for its registration
ADDRESSES_TRIED = 3
UNPRIVILEGED = 1024  # below, only 443: other services speak there, which a client could make us disturb
PRINTABLE = re.compile(r"[!-~]{1,2000}")
WHY_REFUSED = {
    "url_invalid": "Not an address a message can be sent to.",
    "url_not_https": "An https address.",
    "url_with_user": "Without user name or password.",
    "url_with_fragment": "Without a fragment.",
    "url_port": "Port 443, or 1024 and above.",
    "url_not_public": "The host has no public address, or one that is not public.",
}


class Undeliverable(Exception):
    """A message could not be sent; `trouble` says why, in one word."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Told(NamedTuple):
    """What a receiver answered: its status, and how long it asked to be left alone."""

    status: int
    retry_after: str | None


@cache
def trusted() -> ssl.SSLContext:
    """Return whom to trust, read once: `SSL_CERT_FILE` when it is set, else the usual authorities."""
    return httpx.create_ssl_context()


def wrong_with(url: str) -> str | None:
    """Return what is wrong with an address as it is written: one of `WHY_REFUSED`."""
    if not PRINTABLE.fullmatch(url):
        return "url_invalid"
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "url_invalid"
    allowed = {"https", "http"} if settings().webhook_allow_private else {"https"}
    wrong = {
        "url_not_https": parsed.scheme not in allowed,
        "url_invalid": not parsed.host,
        "url_with_user": bool(parsed.userinfo),
        "url_with_fragment": "#" in url,
        "url_port": parsed.scheme == "https" and parsed.port not in {None, 443} and parsed.port < UNPRIVILEGED,
    }
    return next((why for why, is_so in wrong.items() if is_so), None)


async def addresses(url: httpx.URL) -> list[str]:
    """Return the addresses of a host; raises `Undeliverable` unless there are some, all of them public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Undeliverable("name_unresolved") from None
    several = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not settings().webhook_allow_private and not all(map(is_public, several)):
        raise Undeliverable("address_refused")
    return several


async def refuse_unless_public(url: str) -> None:
    """Raise `MalformedRequest` for an address that no message could be sent to; tells nothing of our network's names."""
    why = wrong_with(url)
    if why is None:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                await addresses(httpx.URL(url))
        except (Undeliverable, TimeoutError):
            why = "url_not_public"
    if why is not None:
        raise MalformedRequest(errors=[FieldError(pointer="/url", code=why, message=WHY_REFUSED[why])])


async def post(url: str, headers: Mapping[str, str], body: bytes) -> Told:
    """Send a body and return the answer's status, its body unread; raises `Undeliverable`."""
    if wrong_with(url):  # allowed once, and no longer
        raise Undeliverable("address_refused")
    try:
        async with asyncio.timeout(SECONDS):
            return await _post(httpx.URL(url), headers, body)
    except TimeoutError:
        raise Undeliverable("timed_out") from None


async def _post(url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Told:
    """Send to the very address that was checked: a name looked up twice may lead elsewhere the second time."""
    trouble = "connect_failed"
    for address in (await addresses(url))[:ADDRESSES_TRIED]:
        timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(verify=trusted(), timeout=timeout, trust_env=False) as client:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                headers={**headers, "Host": url.netloc.decode("ascii")},
                content=body,
                extensions={"sni_hostname": url.host},  # whose certificate it must be
            )
            try:
                answer = await client.send(request, stream=True, follow_redirects=False)
            except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
                trouble = "tls_failed" if _is_of_tls(problem) else "connect_failed"
                continue
            except httpx.TimeoutException:
                raise Undeliverable("timed_out") from None
            except (httpx.HTTPError, ssl.SSLError, OSError):
                raise Undeliverable("broken_off") from None
            await answer.aclose()
            return Told(answer.status_code, answer.headers.get("Retry-After"))
    raise Undeliverable(trouble)


def _is_of_tls(problem: BaseException | None) -> bool:
    """Tell whether a connection failed for its certificate or its encryption."""
    while problem is not None:
        if isinstance(problem, ssl.SSLError):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def is_delivered(status: int) -> bool:
    """Tell whether a receiver took a message."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
