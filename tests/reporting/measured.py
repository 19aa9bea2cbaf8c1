"""Every measure in plain Python: its date, what it counts, of what, or the number it averages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tests.reporting.life import Life, Visit

Unit = Any  # a Life, or a Visit
CODES = {
    "not_suitable": "10", "signposted": "11", "mutual_agreement": "12", "referred_elsewhere": "13", "declined": "14",
    "deceased_assessed_only": "17", "unknown_assessed_only": "95", "completed": "46", "deceased_treated": "49",
    "unknown_treated": "96", "incomplete_assessment": "16", "before_patient_requested": "48", "not_assessed": "50",
    "before_professional_planned": "47",
}  # fmt: skip
BANDS: dict[str, tuple[int, int]] = {
    "within_14_days": (-9999, 14), "within_28_days": (-9999, 28), "within_42_days": (-9999, 42), "within_60_days": (-9999, 60),
    "within_84_days": (-9999, 84), "within_126_days": (-9999, 126), "29_to_56_days": (29, 56), "57_to_90_days": (57, 90),
    "29_to_90_days": (29, 90), "61_to_90_days": (61, 90), "91_to_120_days": (91, 120), "over_28_days": (29, 9999),
    "over_90_days": (91, 9999), "over_120_days": (121, 9999), "over_126_days": (127, 9999),
}  # fmt: skip


@dataclass(frozen=True)
class Plain:
    """A measure in plain Python; without `when`, how things stood at the period's end; `of` is everything unless given."""

    when: Callable[[Unit], date | None] | None
    counts: Callable[[Unit, date], bool] = lambda _, __: True
    of: Callable[[Unit, date], bool] | None = None
    amount: Callable[[Unit], Decimal | int | None] | None = None
    contacts: bool = False


def _end(life: Life) -> date | None:
    return life.end


def _on(visit: Visit) -> date:
    return visit.on


def _ended(counts: Callable[[Life], bool], of: Callable[[Life], bool] | None = None) -> Plain:
    return Plain(_end, lambda life, _: counts(life), None if of is None else lambda life, _: of(life))


def _everything(_: object) -> bool:
    return True


def _treated(life: Life) -> bool:
    return bool(life.treatments)


def _finished(life: Life) -> bool:
    return life.finished


def _wait(what: str) -> Callable[[Life], int]:
    return lambda life: (life.first(what) - life.received_on).days


def _of_finished(so: str) -> Plain:
    return _ended(lambda life: life.finished and so in life.outcome, _finished)


def _case_based(*so: str) -> Plain:
    return _ended(
        lambda life: life.finished and life.outcome.issuperset(so),
        lambda life: life.finished and "not at caseness" not in life.outcome,
    )


def _gap(life: Life) -> int:
    return (life.second_treatment - life.treatments[0].on).days  # type: ignore[operator]  # as above


MEASURED: dict[str, Plain] = {
    "referrals_received": Plain(lambda life: life.received_on),
    "referrals_introduced": Plain(lambda life: life.received_on, lambda life, _: life.site_id is not None),
    "first_assessments": Plain(lambda life: life.first("assesses")),
    "accessing_services": Plain(lambda life: life.first("treats")),
    "ended_before_assessment": _ended(lambda life: life.first("assesses") is None),
    "second_treatment": Plain(lambda life: life.second_treatment),
    "ended_referrals": _ended(_everything),
    "not_seen": _ended(lambda life: not any(visit.attended for visit in life.visits)),
    "seen_not_treated": _ended(lambda life: any(visit.attended for visit in life.visits) and not life.treatments),
    "treated_once": _ended(lambda life: len(life.treatments) == 1),
    "finished_course": _ended(_finished),
    "ended_untreated": _ended(lambda life: not life.treatments),
    "finished_of_treated": _ended(_finished, _treated),
    "ended_invalid": _ended(lambda life: life.code is not None and life.code not in CODES.values()),
    "ended_no_reason": _ended(lambda life: life.code is None),
    "access_attrition": _ended(lambda life: len(life.treatments) == 1, _treated),
    "ended_before_treatment": _ended(lambda life: not life.treatments, _everything),
    "never_attended_or_once": _ended(lambda life: len(life.treatments) < 2, _everything),
    "ended_early_47_of_finished": _ended(lambda life: life.finished and life.code == "47", _finished),
    "ended_early_47_of_treated": _ended(
        lambda life: life.code == "47", lambda life: life.code in ("46", "47", "48", "49", "96")
    ),
    "incomplete_assessment_16": _ended(
        lambda life: life.code == "16", lambda life: life.code in ("10", "11", "12", "13", "14", "16", "17", "95")
    ),
    "early_end_2_to_4": _ended(lambda life: 2 <= len(life.treatments) <= 4, lambda life: len(life.treatments) > 1),
    "recovered": _ended(lambda life: life.finished and "recovered" in life.outcome),
    "reliably_recovered": _ended(lambda life: life.finished and life.outcome >= {"recovered", "improved"}),
    "reliably_improved": _ended(lambda life: life.finished and "improved" in life.outcome),
    "reliably_unchanged": _ended(lambda life: life.finished and "unchanged" in life.outcome),
    "reliably_deteriorated": _ended(lambda life: life.finished and "deteriorated" in life.outcome),
    "recovery_rate": _case_based("recovered"),
    "reliable_recovery": _case_based("recovered", "improved"),
    "reliable_improvement": _of_finished("improved"),
    "no_reliable_change": _of_finished("unchanged"),
    "reliable_deterioration": _of_finished("deteriorated"),
    "paired_scores": _of_finished("paired"),
    "treated_within_6_weeks": _ended(lambda life: life.finished and _wait("treats")(life) <= 42, _finished),
    "treated_within_18_weeks": _ended(lambda life: life.finished and _wait("treats")(life) <= 126, _finished),
    "appointments": Plain(_on, contacts=True),
    "attended": Plain(_on, lambda visit, _: visit.attended, contacts=True),
    "dna_rate": Plain(_on, lambda visit, _: visit.told.attendance == "3", lambda _, __: True, contacts=True),
    "minutes_per_contact": Plain(
        _on,
        lambda visit, _: visit.treats and bool(visit.told.duration_minutes),
        amount=lambda visit: visit.told.duration_minutes,
        contacts=True,
    ),
    "minutes_per_pathway": Plain(
        _end,
        lambda life, _: life.finished,
        amount=lambda life: sum(visit.told.duration_minutes or 0 for visit in life.treatments),
    ),
    "contacts_per_finished_course": Plain(
        _end, lambda life, _: life.finished, amount=lambda life: len(life.treatments)
    ),
    "waiting_for_assessment": Plain(None, lambda life, end: _waits(life, end, "assesses")),
    "waiting_for_treatment": Plain(None, lambda life, end: _waits(life, end, "treats")),
    "stopped_attending": Plain(
        None,
        lambda life, end: life.is_open(end) and _seen_by(life, end) and life.stopped(end),
        lambda life, end: life.is_open(end) and _seen_by(life, end),
    ),
}
MEASURED |= {f"ended_{name}": _ended(lambda life, code=code: life.code == code) for name, code in CODES.items()}  # type: ignore[misc]  # bound on purpose
MEASURED |= {
    name: Plain(_on, lambda visit, _, code=code: visit.told.attendance == code, contacts=True)  # type: ignore[misc]  # as above
    for name, code in (
        ("cancelled_by_patient", "2"),
        ("did_not_attend", "3"),
        ("cancelled_by_provider", "4"),
        ("attended_on_time", "5"),
        ("attended_late", "6"),
        ("arrived_too_late", "7"),
    )
}
MEASURED |= {
    f"{statistic}_days_to_first_{what}": Plain(lambda life, did=did: life.first(did), amount=_wait(did))  # type: ignore[misc]  # as above
    for statistic in ("median", "p90")
    for what, did in (("assessment", "assesses"), ("treatment", "treats"))
}
MEASURED |= {
    f"mean_{which}_{instrument}": Plain(
        _end,
        lambda life, _, name=instrument: life.finished and len(life.scores(name)) > 1,  # type: ignore[misc]  # as above
        amount=lambda life, name=instrument, place=place: life.scores(name)[place],  # type: ignore[misc]  # as above
    )
    for which, place in (("first", 0), ("last", -1))
    for instrument in ("phq_9", "gad_7")
}


def plain(measure_id: str) -> Plain:
    """Return a measure in plain Python; those by days waited are others, limited to a band."""
    if measure_id in MEASURED:
        return MEASURED[measure_id]
    name = measure_id.removesuffix("_rate")
    band = next(band for band in sorted(BANDS, key=len, reverse=True) if name.endswith(band))
    low, high = BANDS[band]
    whole = name.removesuffix(f"_{band}")
    if whole == "second_treatment":
        of = (lambda _, __: True) if measure_id != name else None
        return Plain(lambda life: life.second_treatment, lambda life, _: low <= _gap(life) <= high, of)
    if whole == "open_without_activity":
        return Plain(None, lambda life, end: life.is_open(end) and _silent(life, end, low, high))
    if whole.startswith("waiting"):
        return Plain(
            None, lambda life, end: MEASURED[whole].counts(life, end) and low <= (end - life.received_on).days <= high
        )
    did = {"first_assessments": "assesses", "accessing_services": "treats"}[whole]
    return Plain(lambda life: life.first(did), lambda life, _: low <= _wait(did)(life) <= high)


def _waits(life: Life, end: date, did: str) -> bool:
    day = life.first(did)
    return life.is_open(end) and (day is None or day > end)


def _seen_by(life: Life, end: date) -> bool:
    return any(visit.attended and visit.on <= end for visit in life.visits)


def _silent(life: Life, end: date, low: int, high: int) -> bool:
    last = life.last_treatment(end)
    return last is not None and low <= (end - last).days <= high
