"""The catalogue refuses what is claimed twice, and its document is up to date."""

from pathlib import Path

import pytest

from services.reporting.catalogue import document
from services.reporting.measures import MEASURES
from services.reporting.measures.measure import Measure, all_of_them, catalogue
from services.reporting.tables import Pathway


def a_measure(**changes: str | None) -> Measure:
    words = {"id": "ours", "national": None, "title": "Ours", "question": "?", "unit": "pathways", "source": "ours"}
    return Measure(**{**words, **changes}, when=Pathway.received_on, numerator=all_of_them("all"))  # type: ignore[arg-type]


@pytest.mark.parametrize("claimed", ["id", "national", "title"])
def test_two_measures_cannot_claim_the_same(claimed: str) -> None:
    first = a_measure(national="M999")
    second = a_measure(**{"id": "other", "national": "M998", "title": "Other", claimed: getattr(first, claimed)})
    with pytest.raises(ValueError, match="two measures claim the"):
        catalogue([first, second])


def test_two_measures_of_ours_may_both_have_no_national_id() -> None:
    assert len(catalogue([a_measure(), a_measure(id="other", title="Other")])) == 2


def test_every_measure_says_what_it_counts() -> None:
    for measure in MEASURES.values():
        assert all((measure.title, measure.question, measure.unit, measure.numerator.words, measure.source)), measure.id
        assert measure.question.endswith("?")


def test_the_document_is_up_to_date() -> None:
    written = (Path(__file__).parents[2] / "docs" / "measures.md").read_text()
    assert written == document(), "python -m services.reporting.catalogue > docs/measures.md"
