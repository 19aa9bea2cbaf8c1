"""Referrals and care contacts entered without a connection, and sent together later."""

from services.referrals.schemas.referrals import EXAMPLE
from shared.sync import sync_router

REFERRAL = "6f2d8c1e-0b52-4c0e-9d6a-0d3c5a1f7e42"

api = sync_router(
    [
        {
            "op_id": "0b8f6d0a-7a39-4d6c-8d0e-2f1f7d9c4a11",
            "method": "POST",
            "path": "/v1/referrals",
            "body": EXAMPLE | {"id": REFERRAL},
        },
        {
            "op_id": "c5a3f1de-3c55-4f3b-a7d2-91b0a4d7e6f2",
            "method": "POST",
            "path": f"/v1/referrals/{REFERRAL}/contacts",
            "body": {"on": "2026-09-21", "appointment_type": "01", "attendance": "5"},
        },
        {
            "op_id": "e1b7c9a4-5d20-4e8f-b3a6-7c2d8f0e9b35",
            "method": "POST",
            "path": f"/v1/referrals/{REFERRAL}/discharge",
            "body": {"on": "2026-11-02", "end_code": "46"},
        },
        {
            "op_id": "7c9e4d21-1f6b-4b7a-9a53-5e8d2c0b6f18",
            "method": "PUT",
            "path": "/v1/contacts/a3c8e5b0-92d1-4f67-8e4a-b1d7f3069c25",
            "if_match": '"1"',
            "body": {"on": "2026-10-05", "appointment_type": "03", "attendance": "7"},
        },
    ]
)
