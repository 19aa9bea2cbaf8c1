"""When a message is tried again, how it is signed, and which addresses are the public internet's: rules without a network."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from services.referrals.domain.addresses import is_public
from services.referrals.domain.webhooks import DELAYS, JITTER, LONGEST_ASKED, asked_to_wait, next_try, signed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_signature_is_the_one_that_standard_webhooks_publishes_as_its_example() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    known = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret]) == known
    both = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, ["whsec_AAAA", secret])
    assert both.split(" ")[1] == known


def test_tries_grow_apart_and_end_after_three_days() -> None:
    waits = [wait - NOW for tries in range(1, len(DELAYS) + 1) if (wait := next_try(tries, NOW, 0.0))]
    assert waits == list(DELAYS)
    assert all(shorter < longer for shorter, longer in pairwise(waits))
    assert timedelta(days=3) < sum(waits, timedelta()) < timedelta(days=4)
    assert next_try(len(DELAYS) + 1, NOW, 0.0) is None


def test_tries_are_spread_within_a_fifth_of_their_delay() -> None:
    assert next_try(2, NOW, 0.0) == NOW + timedelta(minutes=5)
    assert next_try(2, NOW, 0.5) == NOW + timedelta(minutes=5) * (1 + JITTER / 2)
    assert next_try(2, NOW, 1.0) == NOW + timedelta(minutes=6)


def test_a_receiver_is_left_alone_as_long_as_it_asks_but_not_for_ever() -> None:
    assert next_try(1, NOW, 0.0, timedelta(hours=1)) == NOW + timedelta(hours=1)
    assert next_try(4, NOW, 0.0, timedelta(seconds=1)) == NOW + timedelta(hours=2)
    assert next_try(1, NOW, 0.0, timedelta(days=400)) == NOW + LONGEST_ASKED


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta()),
        ("Fri, 20 Nov 2026 12:30:00 GMT", timedelta(minutes=30)),
        ("Fri, 20 Nov 2026 11:30:00 GMT", timedelta()),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("9" * 40, None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_receiver_asks_for_is_read_in_both_spellings(said: str | None, meant: timedelta | None) -> None:
    assert asked_to_wait(said, NOW) == meant


@pytest.mark.parametrize("address", ["8.8.8.8", "193.62.1.1", "2606:4700::1111", "2a00:1450:4009::1", "::ffff:8.8.8.8"])
def test_a_public_address_may_be_sent_to(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.1.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),  # noqa: S104
        *("100.64.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::7f00:1", "fe80::1"),
        *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::"),
        *("2001::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1", "::ffff:0:7f00:1", "fe80::1%eth0"),
    ],
)
def test_no_machine_network_or_protocol_of_ours_may_be_sent_to(address: str) -> None:
    assert not is_public(address)
