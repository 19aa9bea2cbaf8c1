"""`roundtable import`: tried first, brought in, what was rejected corrected and brought in, and all of it again."""

import csv
import signal
import stat
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy import CannotRunError
from deploy.csv_import import Rejections, Twins, refused
from deploy.csv_mapping import Mapping, fields
from deploy.csv_referrals import ERROR_COLUMNS, Plan, Wrong
from deploy.csv_rows import Encoding, open_rows
from tests.running_system import ROUNDTABLE, RunningSystem, environment_of, roundtable, until

HEADINGS = "source_id,received_on,source,family_name,ethnic_category,birth_date"
GOOD = ("1,2026-03-02,B1,Example,A,1984-05-17", "2,2026-03-03,G4,,,")
BAD = ("3,2026-03-04,B1,Sample,Q9,1991-11-30", "4,4 March,A1,Invented,B,", "5,2099-01-01,B1,Made-up,C,")
CORRECTED = {"3": ("ethnic_category", "J"), "4": ("received_on", "2026-03-04"), "5": ("received_on", "2026-03-05")}
systems = count(1)


@pytest.fixture
def system_name() -> str:
    """Name a sending system that nobody else uses."""
    return f"import-test-{next(systems)}"


def a_file(folder: Path, *rows: str) -> str:
    path = folder / "referrals.csv"
    path.write_text("\n".join([HEADINGS, *rows]) + "\n")
    return str(path)


def received(system: RunningSystem, name: str) -> list[dict[str, Any]]:
    """Return the referrals of a sending system."""
    found: list[dict[str, Any]] = []
    with httpx.Client(base_url=system.url("referrals"), headers=system.headers("referrals:read")) as client:
        after: dict[str, str] = {}
        while True:
            page = client.get("/v1/referrals", params={"limit": "100", **after}).json()
            found += [item for item in page["items"] if item["source_system"] == name]
            if page["next"] is None:
                return found
            after = {"cursor": page["next"]}


def test_a_file_is_tried_brought_in_corrected_and_brought_in_again(
    running_system: RunningSystem, tmp_path: Path, system_name: str
) -> None:
    source, errors = a_file(tmp_path, *GOOD, *BAD), tmp_path / "errors.csv"
    words = ("import", source, "--source-system", system_name)

    tried = running_system.roundtable(*words, "--dry-run", check=False)
    assert tried.returncode == 1
    assert "nothing was changed: 2 would be recorded, 0 are there already, 3 rejected" in flat(tried.stdout)
    assert received(running_system, system_name) == []

    brought = running_system.roundtable(*words, "--errors", str(errors), check=False)
    assert brought.returncode == 1
    assert "2 recorded, 0 there already, 3 rejected" in flat(brought.stdout)
    assert "line 5: received_on: Not a date" in flat(brought.stdout)
    assert "Invented" not in brought.stdout + brought.stderr, "what is in a row is not told"
    assert {each["source_id"] for each in received(running_system, system_name)} == {"1", "2"}

    assert stat.S_IMODE(errors.stat().st_mode) == 0o600
    with errors.open(encoding="utf-8-sig", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [(row["error_line"], row["error_field"], row["error_code"]) for row in rejected] == [
        ("4", "ethnic_category", rejected[0]["error_code"]),
        ("5", "received_on", "date"),
        ("6", "received_on", rejected[2]["error_code"]),
    ]
    assert [",".join(list(row.values())[len(ERROR_COLUMNS) :]) for row in rejected] == list(BAD)

    for row in rejected:
        field, value = CORRECTED[row["source_id"]]
        row[field] = value
    corrected = tmp_path / "corrected.csv"
    with corrected.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rejected[0]))
        writer.writeheader()
        writer.writerows(rejected)
    second = running_system.roundtable("import", str(corrected), "--source-system", system_name)
    assert "3 recorded, 0 there already, 0 rejected" in flat(second.stdout)

    again = running_system.roundtable("import", str(corrected), "--source-system", system_name)
    assert "0 recorded, 3 there already, 0 rejected" in flat(again.stdout)
    assert len(received(running_system, system_name)) == 5


def test_another_machine_takes_it_with_a_token_of_its_own(
    running_system: RunningSystem, tmp_path: Path, system_name: str
) -> None:
    token = tmp_path / "token"
    token.write_text(running_system.token("referrals:write") + "\n")
    words = (
        "import",
        a_file(tmp_path, *GOOD),
        "--source-system",
        system_name,
        "--url",
        running_system.url("referrals"),
    )
    elsewhere = tmp_path / "no home"
    done = roundtable(elsewhere, 45_000, *words, "--token-file", str(token))
    assert "2 recorded" in flat(done.stdout)
    refusal = roundtable(elsewhere, 45_000, *words, check=False)
    assert (refusal.returncode, refusal.stderr.count("--token-file")) == (1, 1)
    token.write_text(running_system.token("referrals:read"))
    lacking = roundtable(elsewhere, 45_000, *words, "--token-file", str(token), check=False)
    assert lacking.returncode == 1
    assert "scope-missing" in lacking.stderr


def test_an_import_that_is_interrupted_says_how_far_it_came(
    running_system: RunningSystem, tmp_path: Path, system_name: str
) -> None:
    source = a_file(tmp_path, *(f"{number},2026-03-02,B1,,," for number in range(20_000)))
    environment = environment_of(running_system.home, running_system.port_base)
    with subprocess.Popen(  # noqa: S603 - our own program
        (*ROUNDTABLE, "import", source, "--source-system", system_name),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as importing:
        until(lambda: has_some(running_system, system_name), within=60)
        importing.send_signal(signal.SIGINT)
        told, sentence = importing.communicate(timeout=30)
    assert importing.returncode == 130
    assert "recorded" in told
    assert "Interrupted after line" in sentence
    assert "Sending the same file again is safe" in sentence


def has_some(system: RunningSystem, name: str) -> bool:
    address = f"{system.url('referrals')}/v1/referrals?received_from=2026-03-02&received_to=2026-03-02"
    answer = httpx.get(address, headers=system.headers("referrals:read"))
    return any(item["source_system"] == name for item in answer.json()["items"])


def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    words = ("import", a_file(tmp_path, *GOOD), "--source-system", "x", "--url", "http://127.0.0.1:9", "--token-file")
    done = roundtable(tmp_path / "home", 45_000, *words, str(token), check=False)
    assert (done.returncode, "does not answer" in done.stderr) == (1, True)


def test_help_shows_examples_and_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    told = roundtable(tmp_path, 45_000, "import", "--help").stdout
    assert "roundtable import examples/referrals.csv --dry-run\n" in told
    assert "--mapping iaptus_like" in told
    missing = roundtable(tmp_path, 45_000, "import", "none.csv", check=False)
    assert (missing.returncode, missing.stderr) == (1, "none.csv cannot be read: No such file or directory.\n")


def test_an_errors_file_never_replaces_one_that_may_hold_corrections(tmp_path: Path) -> None:
    source = Path(a_file(tmp_path, *GOOD))
    with open_rows(source, Encoding.UTF_8, fields().__contains__) as rows:
        with pytest.raises(CannotRunError, match="exists already"):
            Rejections(source, rows, Encoding.UTF_8)
        with pytest.raises(CannotRunError, match="no folder"):
            Rejections(tmp_path / "none" / "errors.csv", rows, Encoding.UTF_8)


def test_an_errors_file_is_made_only_when_there_is_something_to_correct_and_repeats_rows_of_any_length(
    tmp_path: Path,
) -> None:
    path = tmp_path / "errors.csv"
    source = Path(a_file(tmp_path, "a;b,1", *GOOD))
    with (
        open_rows(source, Encoding.UTF_8, fields().__contains__) as rows,
        Rejections(path, rows, Encoding.UTF_8) as rejections,
    ):
        row = next(iter(rows))
        assert not path.exists()
        rejections.add(row, [Wrong("", "cells", "Two; not six."), Wrong("x", "y", "z")])
    assert path.read_text(encoding="utf-8-sig").splitlines()[1] == "2,; x,cells; y,Two; not six.; z,a;b,1"


def test_a_dry_run_knows_rows_of_the_same_key_further_up() -> None:
    one = {"source_system": "x", "source_id": "1", "received_on": "2026-03-14", "person": {}}
    twins = Twins()
    assert twins.judged(one, "rejected") == "rejected"
    assert [twins.judged(one, "created"), twins.judged(dict(one), "created")] == ["created", "replayed"]
    assert twins.judged(one | {"received_on": "2026-03-15"}, "created") == "rejected"


def test_what_the_service_objects_to_is_said_in_the_files_own_headings() -> None:
    mapping = Mapping(columns={"NHS no": "nhs_number", "Needs": "disabilities"}, constants={"source": "B1"})
    plan = Plan(mapping, ["source_system", "source_id", "received_on", "NHS no", "Needs"])
    errors = [
        {"pointer": "/person/nhs_number", "code": "nhs_number_invalid", "message": "No."},
        {"pointer": "/person/disabilities/1", "code": "code_unknown", "message": "No."},
        {"pointer": "/source", "code": "code_unknown", "message": "No."},
    ]
    assert [each.field for each in refused({"type": "/problems/x", "errors": errors}, plan)] == [
        "NHS no",
        "Needs",
        "source",
    ]
    (whole,) = refused({"type": "/problems/referral-differs", "title": "Different."}, plan)
    assert whole == Wrong("", "referral-differs", "Different.")


def flat(told: str) -> str:
    """Return what was printed without the breaks of a narrow terminal."""
    return " ".join(told.split())
