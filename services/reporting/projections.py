"""From events to facts. Every projection only learns columns, so late, early and repeated events give the same facts."""

from collections.abc import Sequence

from services.reporting.domain import month_number
from services.reporting.tables import Pathway, Person, Score, Site
from shared.codes import code_list
from shared.events.people import DemographicsRecorded
from shared.events.referrals import ReferralReceived
from shared.events.sites import SiteChanged, SiteRegistered
from shared.events.surveys import ResponseScored
from shared.inbox import Batch, Subscriber

subscriber = Subscriber("reporting")


@subscriber.on(ReferralReceived)
async def referral_received(batch: Batch, event: ReferralReceived) -> None:
    """Open the pathway."""
    problem = event.presenting_problem
    batch.learn(
        Pathway,
        {"referral_id": event.referral_id},
        person_key=event.person_key,
        received_on=event.received_on,
        source=event.source,
        source_system=event.source_system,
        site_id=event.site_id,
        pathway=event.pathway,
        programme=event.programme,
        presenting_problem=None if problem is None else code_list("presenting_problem").meanings(problem)[-1].code,
    )


@subscriber.on(DemographicsRecorded)
async def demographics_recorded(batch: Batch, event: DemographicsRecorded) -> None:
    """Replace the picture of a person."""
    batch.learn(
        Person,
        {"person_key": event.person_key},
        birth_month=None if event.birth_month is None else month_number(event.birth_month),
        gender_identity=event.gender_identity,
        gender_same_at_birth=event.gender_same_at_birth,
        ethnic_category=event.ethnic_category,
        language=event.language,
        interpreter_required=event.interpreter_required,
        religion=event.religion,
        sexual_orientation=event.sexual_orientation,
        disabilities=_set(event.disabilities),
        employment_status=event.employment_status,
        ex_armed_forces=event.ex_armed_forces,
        long_term_conditions=_set(event.long_term_conditions),
        imd_decile=event.imd_decile,
    )


@subscriber.on(SiteRegistered)
async def site_registered(batch: Batch, event: SiteRegistered) -> None:
    """Take the site into the network."""
    _learn_site(batch, event)


@subscriber.on(SiteChanged)
async def site_changed(batch: Batch, event: SiteChanged) -> None:
    """Replace the picture of a site."""
    _learn_site(batch, event)


@subscriber.on(ResponseScored)
async def response_scored(batch: Batch, event: ResponseScored) -> None:
    """Keep the score."""
    batch.learn(
        Score,
        {"response_id": event.response_id},
        referral_id=event.referral_id,
        instrument=event.instrument,
        version=event.instrument_version,
        answered_on=event.answered_on,
        total=event.total,
        subscales=event.subscales,
        missing_items=event.missing_items,
        mode=event.mode,
        language=event.language,
    )


def _learn_site(batch: Batch, event: SiteRegistered | SiteChanged) -> None:
    batch.learn(
        Site,
        {"site_id": event.site_id},
        name=event.name,
        organisation_kind=event.organisation_kind,
        cluster=event.cluster,
        languages=sorted(set(event.languages)),
        co_provider=event.co_provider,
        status=event.status,
    )


def _set(codes: Sequence[str] | None) -> list[str] | None:
    """Return codes each once and in order; none at all is not recorded."""
    return sorted(set(codes)) if codes else None
