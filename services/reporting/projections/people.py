"""What is known of people, who appear only as pseudonyms; who counts as whom; who may not be used, or is no more."""

from collections.abc import Sequence

from services.reporting.domain.periods import month_number
from services.reporting.projections.linking import link_people
from services.reporting.projections.listening import subscriber
from services.reporting.tables import ErasedPerson, Person, Restriction
from shared.events.people import DemographicsRecorded, PersonErased, PersonMerged, PersonRestricted, PersonUnmerged
from shared.inbox import Batch


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


@subscriber.on(PersonMerged)
async def person_merged(batch: Batch, event: PersonMerged) -> None:
    """Let another person's picture count for this one's pathways."""
    batch.learn(Person, {"person_key": event.person_key}, into_key=event.into)
    batch.settle(link_people, event.person_key)


@subscriber.on(PersonUnmerged)
async def person_unmerged(batch: Batch, event: PersonUnmerged) -> None:
    """Let the person's own picture count again."""
    batch.learn(Person, {"person_key": event.person_key}, into_key=None)
    batch.settle(link_people, event.person_key)


@subscriber.on(PersonRestricted)
async def person_restricted(batch: Batch, event: PersonRestricted) -> None:
    """Leave the person's pathways out of every figure, or let them back in."""
    batch.learn(Restriction, {"person_key": event.person_key}, restricted=event.restricted)


@subscriber.on(PersonErased)
async def person_erased(batch: Batch, event: PersonErased) -> None:
    """Unlink what there is of the person, and what may still come."""
    batch.learn(ErasedPerson, {"person_key": event.person_key})
    batch.settle(link_people, event.person_key)


def _set(codes: Sequence[str] | None) -> list[str] | None:
    """Return codes each once and in order; none at all is not recorded."""
    return sorted(set(codes)) if codes else None
