"""Phase zero and what each side gives: time, people, things, money. Never mixed with what becomes of pathways."""

from sqlalchemy import Integer, Numeric, bindparam, literal

from services.reporting.measures.measure import OURS, Amount, Measure, Those, all_of_them
from services.reporting.measures.things import BROUGHT, CONTRIBUTIONS, ENGAGEMENTS, PRESENT, brought, present
from services.reporting.tables import Contribution, Engagement
from shared.settings import settings

ONE = literal(1, Integer)
PENCE = literal(100, Numeric)

engagements = Measure(
    id="engagements",
    title="Engagements",
    question="How often did community and statutory people meet in the period?",
    unit="engagements",
    source=OURS,
    when=Engagement.engaged_on,
    numerator=all_of_them("Engagements dated in the period"),
    things=ENGAGEMENTS,
    about="things",
)
engagement_hours = Measure(
    id="engagement_hours",
    title="Hours of engagement",
    question="How many hours did the engagements of the period last, together?",
    unit="hours",
    source=OURS,
    when=Engagement.engaged_on,
    numerator=all_of_them("Engagements dated in the period"),
    amount=Amount("sum", Engagement.hours),
    things=ENGAGEMENTS,
    about="things",
)
engagement_people = Measure(
    id="engagement_people",
    title="People at engagements",
    question="How many people were at the engagements of the period, each counted as often as they were there?",
    unit="people",
    source=OURS,
    when=present.c.engaged_on,
    numerator=all_of_them("People of either side at engagements dated in the period"),
    amount=Amount("sum", present.c.people, behind=present.c.people),
    things=PRESENT,
)
engagement_person_hours = Measure(
    id="engagement_person_hours",
    title="Hours of people at engagements",
    question="How many hours did the people at the engagements of the period spend there, together?",
    unit="hours",
    source=OURS,
    when=present.c.engaged_on,
    numerator=all_of_them("Length of each engagement dated in the period, as often as people were there"),
    amount=Amount("sum", present.c.hours * present.c.people, behind=present.c.people),
    things=PRESENT,
)
resources_brought = Measure(
    id="resources_brought",
    title="Resources brought",
    question="How many things did both sides bring to the engagements of the period?",
    unit="resources",
    source=OURS,
    when=brought.c.engaged_on,
    numerator=all_of_them("Resources brought to engagements dated in the period"),
    amount=Amount("sum", brought.c.number),
    things=BROUGHT,
    about="things",
)

_hours = Those("Contributions of the period with hours", Contribution.hours.is_not(None))
contribution_hours = Measure(
    id="contribution_hours",
    title="Hours contributed",
    question="How many hours were given in the period, paid for or not?",
    unit="hours",
    source=OURS,
    when=Contribution.given_on,
    numerator=_hours,
    amount=Amount("sum", Contribution.hours, behind=ONE),
    things=CONTRIBUTIONS,
)
unpaid_hours = Measure(
    id="unpaid_hours",
    title="Hours contributed unpaid",
    question="How many hours were given in the period without being paid for?",
    unit="hours",
    source=OURS,
    when=Contribution.given_on,
    numerator=_hours.who("Contributions of the period with hours that were not paid for", Contribution.paid.is_(False)),
    amount=Amount("sum", Contribution.hours, behind=ONE),
    things=CONTRIBUTIONS,
)
paid_hours = Measure(
    id="paid_hours",
    title="Hours contributed and paid for",
    question="How many hours were given in the period and paid for?",
    unit="hours",
    source=OURS,
    when=Contribution.given_on,
    numerator=_hours.who("Contributions of the period with hours that were paid for", Contribution.paid.is_(True)),
    amount=Amount("sum", Contribution.hours, behind=ONE),
    things=CONTRIBUTIONS,
)
money_moved = Measure(
    id="money_moved",
    title="Money moved",
    question="How much money moved from one side to the other in the period?",
    unit="pounds",
    source=OURS,
    when=Contribution.given_on,
    numerator=Those("Contributions of the period with money", Contribution.money_pence.is_not(None)),
    amount=Amount("sum", Contribution.money_pence / PENCE, behind=ONE),
    things=CONTRIBUTIONS,
)
value_of_hours = Measure(
    id="value_of_hours",
    title="Value of hours contributed",
    question="What were the hours given in the period worth, at the rate that is set (`ROUNDTABLE_HOUR_RATE_PENCE`)?",
    unit="pounds",
    source=OURS,
    when=Contribution.given_on,
    numerator=_hours.who(
        "Hours given in the period, each at the same set rate; no figure until one is set", _hours.where
    ),
    amount=Amount(
        "sum",
        Contribution.hours
        * bindparam("hour_rate", callable_=lambda: settings().hour_rate_pence, type_=Integer)
        / PENCE,
        behind=ONE,
        rated=True,
    ),
    things=CONTRIBUTIONS,
)
