"""Examples of every answer, for the OpenAPI document; a test holds them against the schemas."""

from typing import Any

MEASURE: dict[str, Any] = {
    "id": "referrals_received",
    "title": "Referrals received",
    "kind": "count",
    "unit": "referrals",
    "national": "M001",
    "numerator": "Referrals received in the period",
    "denominator": None,
}
CATALOGUE_ENTRY: dict[str, Any] = {
    **MEASURE,
    "question": "How many referrals were received in the period?",
    "about": "people",
    "breakdowns": ["source", "site", "ethnic_group"],
    "source": "NHS England, NHS Talking Therapies monthly measures, metadata of July 2026",
}
AS_OF = {"events": 123456, "at": "2026-11-20T10:00:00Z"}
PERIOD = {"start": "2026-07-01", "end": "2026-09-30", "label": "2026-Q3"}
FIELD_ROW: dict[str, Any] = {
    "field": "ethnic_category",
    "denominator": 915,
    "valid": 610,
    "not_stated": 45,
    "not_known": 20,
    "missing": 240,
    "valid_percent": 67,
    "status": "shown",
}
REPORT: dict[str, Any] = {
    "measure": MEASURE,
    "profile": "published",
    "as_of": AS_OF,
    "rows": [
        {"period": PERIOD, "group": {"ethnic_group": "Black or Black British"}, "value": 85, "status": "shown"},
        {"period": PERIOD, "group": {"ethnic_group": "Other Ethnic Groups"}, "value": None, "status": "suppressed"},
    ],
    "completeness": [FIELD_ROW],
}
REPORT_CSV = (
    "measure,title,period,period_start,period_end,ethnic_group,value,status,profile,as_of\r\n"
    "referrals_received,Referrals received,2026-Q3,2026-07-01,2026-09-30,Black or Black British,85,shown,published,"
    "2026-11-20T10:00:00+00:00\r\n"
    "referrals_received,Referrals received,2026-Q3,2026-07-01,2026-09-30,Other Ethnic Groups,*,suppressed,published,"
    "2026-11-20T10:00:00+00:00\r\n"
)
COMPLETENESS: dict[str, Any] = {
    "profile": "published",
    "as_of": AS_OF,
    "period": PERIOD,
    "rows": [{"group": {"site": "St Anne's"}, **FIELD_ROW}],
}
COMPLETENESS_CSV = (
    "period,period_start,period_end,site,field,denominator,valid,not_stated,not_known,missing,valid_percent,status,profile,as_of\r\n"
    "2026-Q3,2026-07-01,2026-09-30,St Anne's,ethnic_category,915,610,45,20,240,67,shown,published,2026-11-20T10:00:00+00:00\r\n"
)
BREAKDOWNS: dict[str, Any] = {
    "dimensions": [
        {
            "id": "ethnic_group",
            "title": "Ethnic group",
            "about": "National groups.",
            "open": False,
            "multiple": False,
            "profiles": ["published", "exact"],
            "groups": [
                {"label": "White", "codes": ["A", "B", "C"], "valid_from": None, "valid_to": None},
                {"label": "Not stated", "codes": ["Z"], "valid_from": None, "valid_to": None},
                {"label": "Not known", "codes": ["99"], "valid_from": None, "valid_to": None},
                {"label": "Not recorded", "codes": [], "valid_from": None, "valid_to": None},
            ],
            "more": None,
        }
    ],
    "allowed": {
        "published": {
            "alone": ["ethnic_group", "gender_identity"],
            "pairs": [["ethnic_group", "gender_identity"]],
            "triples": [["gender_identity", "age_band", "ethnic_group"]],
        },
        "exact": {"at_most": 3},
    },
}
CATALOGUE: dict[str, Any] = {"items": [CATALOGUE_ENTRY], "next": None}
