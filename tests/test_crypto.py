"""Identifiers at rest: unreadable without the key file, bound to their place, findable without being revealed."""

import json
from base64 import b64encode
from hashlib import sha1, sha256
from hmac import HMAC
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag

from shared.crypto import KeyFileMissing, Keyring, keyring
from shared.settings import settings

NUMBER = "9434765919"


def key(letter: str) -> bytes:
    return letter.encode() * 32


def a_keyring(current: str = "1", **wrapping: bytes) -> Keyring:
    return Keyring(wrapping or {"1": key("a")}, current, key("i"), key("p"))


def test_a_field_is_read_back_with_its_persons_key_and_looks_different_every_time() -> None:
    ring, person = a_keyring(), uuid4()
    mine, version, wrapped = ring.new_person(person)
    sealed = [mine.seal("family_name", "Okafor") for _ in range(2)]
    opened = ring.open_person(person, version, wrapped)
    assert [opened.open("family_name", each) for each in sealed] == ["Okafor", "Okafor"]
    assert sealed[0] != sealed[1]
    assert b"Okafor" not in sealed[0] + sealed[1] + wrapped


def test_a_ciphertext_moved_to_another_field_or_person_cannot_be_read() -> None:
    ring, person, other = a_keyring(), uuid4(), uuid4()
    mine, version, wrapped = ring.new_person(person)
    theirs, _, _ = ring.new_person(other)
    sealed = mine.seal("family_name", "Okafor")
    with pytest.raises(InvalidTag):
        mine.open("given_name", sealed)
    with pytest.raises(InvalidTag):
        theirs.open("family_name", sealed)
    with pytest.raises(InvalidTag):
        ring.open_person(other, version, wrapped)


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    mine, _, _ = a_keyring().new_person(uuid4())
    sealed = bytearray(mine.seal("family_name", "Okafor"))
    sealed[at] ^= 1
    with pytest.raises(InvalidTag):
        mine.open("family_name", bytes(sealed))


def test_a_new_wrapping_key_takes_over_while_people_of_the_old_one_stay_readable() -> None:
    person, newcomer = uuid4(), uuid4()
    before = a_keyring()
    mine, version, wrapped = before.new_person(person)
    sealed = mine.seal("family_name", "Okafor")
    both = a_keyring("2", **{"1": key("a"), "2": key("b")})
    assert both.open_person(person, version, wrapped).open("family_name", sealed) == "Okafor"
    _, newest, rewrapped = both.new_person(newcomer)
    assert (version, newest) == ("1", "2")
    with pytest.raises(KeyError):
        before.open_person(newcomer, newest, rewrapped)
    with pytest.raises(InvalidTag):
        both.open_person(newcomer, "1", rewrapped)


def test_a_secret_that_belongs_to_no_person_is_read_for_its_purpose_and_row_only_whatever_key_is_current() -> None:
    row, before = uuid4(), a_keyring()
    sealed = before.seal("erasure", row, "Okafor")
    both = a_keyring("2", **{"1": key("a"), "2": key("b")})
    assert before.open("erasure", row, sealed) == both.open("erasure", row, sealed) == "Okafor"
    assert b"Okafor" not in sealed
    for purpose, other in (("webhook", row), ("erasure", uuid4())):
        with pytest.raises(InvalidTag):
            before.open(purpose, other, sealed)
    with pytest.raises(InvalidTag):
        before.open("erasure", row, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(KeyError):
        before.open("erasure", row, both.seal("erasure", row, "Okafor"))


def test_an_index_finds_the_same_value_again_and_says_nothing_without_its_key() -> None:
    ring = a_keyring()
    other = Keyring(ring.wrapping, ring.current, key("x"), ring.pseudonym)
    found = ring.index("nhs_number", NUMBER)
    assert found == ring.index("nhs_number", NUMBER) == a_keyring("2", **{"2": key("b")}).index("nhs_number", NUMBER)
    assert found != ring.index("nhs_number", "9434765870")
    assert found != ring.index("phone", NUMBER), "fields do not find each other's values"
    assert found != other.index("nhs_number", NUMBER)
    assert found not in {sha256(text).digest() for text in (NUMBER.encode(), f"nhs_number\x1f{NUMBER}".encode())}


def test_a_pseudonym_is_steady_keyed_and_no_plain_hash() -> None:
    ring, person = a_keyring(), uuid4()
    pseudonym = ring.person_key(person)
    assert pseudonym == ring.person_key(person)
    assert len(pseudonym) == 32
    assert int(pseudonym, 16) >= 0
    assert pseudonym != Keyring(ring.wrapping, ring.current, ring.blind_index, key("x")).person_key(person)
    texts = (person.bytes, str(person).encode(), person.hex.encode())
    plain = {hashed(text).hexdigest()[:32] for text in texts for hashed in (sha256, sha1)}
    assert pseudonym not in plain | {person.hex}
    assert pseudonym != HMAC(ring.blind_index, person.bytes, sha256).hexdigest()[:32], "each purpose has its own key"


def written(folder: Path, **changes: object) -> Path:
    good: dict[str, object] = {
        "kek": {"1": b64encode(key("a")).decode()},
        "current": "1",
        "blind_index": b64encode(key("i")).decode(),
        "pseudonym": b64encode(key("p")).decode(),
    }
    path = folder / "keys.json"
    path.write_text(json.dumps(good | changes))
    return path


def test_a_key_file_is_read(tmp_path: Path) -> None:
    assert Keyring.load(written(tmp_path)) == a_keyring()


@pytest.mark.parametrize("changes", [{"pseudonym": b64encode(b"short").decode()}, {"kek": {"1": "AAAA"}}])
def test_a_key_of_another_length_is_refused_and_not_shown(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="32 bytes") as refused:
        Keyring.load(written(tmp_path, **changes))
    assert "AAAA" not in str(refused.value)


def test_a_current_key_that_is_not_there_is_noticed_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="current"):
        Keyring.load(written(tmp_path, current="7"))


def test_keys_that_are_the_same_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="differ"):
        Keyring.load(written(tmp_path, pseudonym=b64encode(key("i")).decode()))


def test_a_missing_key_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyFileMissing, match=r"nowhere\.json"):
        Keyring.load(tmp_path / "nowhere.json")
    monkeypatch.delenv("ROUNDTABLE_KEY_FILE", raising=False)
    settings.cache_clear()
    keyring.cache_clear()
    with pytest.raises(KeyFileMissing, match="ROUNDTABLE_KEY_FILE"):
        keyring()
    settings.cache_clear()


def test_keys_are_not_shown_where_a_keyring_is_printed() -> None:
    assert "aaaa" not in repr(a_keyring())
    assert "iiii" not in repr(a_keyring())
