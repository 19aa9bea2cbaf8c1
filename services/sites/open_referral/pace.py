"""How often one address may ask the feed: a bucket each, filled again as time passes; kept in this process only."""

from collections import OrderedDict
from functools import cache
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic

from fastapi import Request

from shared.problems import Problem
from shared.settings import settings

REMEMBERED = 10_000  # addresses
WHOLE_LIST = 10  # what a list without pages costs, in requests
AS_ONE = 64  # leading bits of an IPv6 address that are one household's or office's


class TooManyRequests(Problem):
    """This address has asked too often; try again when Retry-After has passed."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Pace:
    """Buckets of requests by address; one that was not seen lately is full."""

    def __init__(self, a_minute: int) -> None:
        self.size = float(a_minute)
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str, now: float, cost: int = 1) -> int:
        """Take from an address's bucket; return 0, or the seconds until there is enough in it again."""
        left, at = self.buckets.pop(address, (self.size, now))
        left = min(self.size, left + (now - at) * self.size / 60)
        price = min(float(cost), self.size)
        enough = left >= price
        self.buckets[address] = (left - price if enough else left, now)
        if len(self.buckets) > REMEMBERED:
            self.buckets.popitem(last=False)
        return 0 if enough else max(1, ceil((price - left) * 60 / self.size))


@cache
def pace() -> Pace:
    """Return this process's buckets."""
    return Pace(settings().feed_requests_per_minute)


def household(host: str) -> str:
    """Return what of an address stands for one asker."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(int(address) >> (128 - AS_ONE))
    return str(address)


async def paced(request: Request) -> None:
    """Let a request through at a fair pace; raises `TooManyRequests`."""
    host = request.client.host if request.client else ""
    cost = WHOLE_LIST if request.query_params.get("format") == "ndjson" else 1
    seconds = pace().wait(household(host), monotonic(), cost)
    if seconds:
        raise TooManyRequests(headers={"Retry-After": str(seconds)})
