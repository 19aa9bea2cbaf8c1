"""The least that a POST with validation costs in this framework: the same letter, no token, no database, no promise."""

from http import HTTPStatus

from fastapi import FastAPI, Response

from services.referrals.schemas.referrals import NewReferral

app = FastAPI(openapi_url=None)


@app.post("/v1/referrals", status_code=HTTPStatus.CREATED)
async def receive(new: NewReferral) -> Response:
    """Read the letter and say so."""
    return Response(new.model_dump_json(include={"source_system", "source_id", "received_on"}), HTTPStatus.CREATED)


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    """Say that there is nothing to wait for."""
    return {"status": "ready"}
