"""What a site entered without a connection, and sent together later."""

from services.sites.schemas.sessions import EXAMPLE_ATTENDANCE, EXAMPLE_SESSION
from shared.sync import sync_router

SITE, SESSION = EXAMPLE_SESSION["site_id"], "b6a6b0e3-1f5c-4b5e-9d1c-0b7f4f5f2f11"

api = sync_router(
    [
        {
            "op_id": "4d0c7a1e-5f6b-4a53-9d0c-6f1b2e3a7c11",
            "method": "POST",
            "path": "/v1/sessions",
            "body": EXAMPLE_SESSION | {"id": SESSION},
        },
        {
            "op_id": "0a9c4e7b-2d31-4f7e-8c5a-1b9d6e4f2a22",
            "method": "PUT",
            "path": f"/v1/sessions/{SESSION}/attendance",
            "if_match": '"1"',
            "body": EXAMPLE_ATTENDANCE,
        },
        {
            "op_id": "b7e1d5c3-9f48-4a60-a2c7-3e8f5d0b1a33",
            "method": "POST",
            "path": "/v1/contributions",
            "body": {
                "site_id": SITE,
                "on": "2026-10-14",
                "hours": 6.25,
                "paid": False,
                "from_side": "community",
                "to_side": "statutory",
                "role": "interpreter",
            },
        },
        {
            "op_id": "e2f6a8d0-7c15-4b93-b4e1-5a0d9c8f6b44",
            "method": "PATCH",
            "path": f"/v1/sites/{SITE}",
            "if_match": '"3"',
            "body": {"accessibility": "Step-free from the car park. Hearing loop."},
        },
    ]
)
