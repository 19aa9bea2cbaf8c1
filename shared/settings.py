"""Every environment variable the product reads, typed, read once."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, PostgresDsn, SecretStr, UrlConstraints
from pydantic_core import Url
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.codes import SourceOfReferral

NatsUrl = Annotated[Url, UrlConstraints(allowed_schemes=["nats", "tls"])]


class Settings(BaseSettings):
    """What an operator may set; each variable is the field's name in capitals after `ROUNDTABLE_`."""

    model_config = SettingsConfigDict(env_prefix="ROUNDTABLE_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(Path(".roundtable"), description="Folder that holds all state of one machine.")
    bind: str = Field("127.0.0.1", description="Address the services listen on.")
    port_base: int = Field(
        8000, ge=1024, le=65000, description="Ports: referrals +1, sites +2, surveys +3, reporting +4, issuer +5."
    )
    database_url: PostgresDsn | None = Field(
        None, description="PostgreSQL: a service's own role; for `roundtable up` and `migrate`, the administrator's."
    )
    database_pool: int = Field(
        6, ge=1, le=50, description="Connections per process; small pools beat large ones on few cores."
    )
    statement_timeout_ms: int = Field(
        5000, ge=100, description="Longest database statement of a request, milliseconds."
    )
    service_passwords: dict[str, SecretStr] = Field(
        {},
        description="For `roundtable migrate`: passwords of the services' roles, as JSON; default: made and kept at home.",
    )
    nats_url: NatsUrl | None = Field(
        None, description="NATS: a service's own user; for `roundtable up`, the administrator's."
    )
    issuer: str | None = Field(None, description="Who signs tokens (`iss`); default is the issuer on this machine.")
    jwks_url: str | None = Field(
        None, description="Where the token issuer's public keys are; default: the issuer's own."
    )
    audience: str = Field("roundtable", description="What a token must be meant for (`aud`).")
    key_file: Path | None = Field(
        None,
        description="Referrals only: key-encryption, blind-index and pseudonym keys, as JSON, outside the database.",
    )
    fhir_sources: dict[str, SourceOfReferral] = Field(
        {},
        description="Referrals only: the source of referral of a client's FHIR messages that name none, as JSON: client to code.",
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe line to log.")
    max_body: int = Field(256 * 1024, ge=1024, description="Largest request body, bytes.")
    max_bulk_body: int = Field(32 * 1024 * 1024, ge=1024, description="Largest body of a bulk endpoint, bytes.")
    max_in_flight: int = Field(
        200, ge=1, description="Requests one process works on at once; more are refused with 503 and Retry-After."
    )
    feed_requests_per_minute: int = Field(
        600,
        ge=1,
        description="Sites only: requests of one address to the Open Referral feed in a minute, by one process; a list as "
        "lines counts as ten.",
    )
    sync_kept_days: int = Field(
        90, ge=1, le=3650, description="Days in which an operation sent again through `/v1/sync` is answered as before."
    )
    webhook_allow_private: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Referrals only: webhooks may be sent to private addresses and by http; for one machine and tests.",
    )
    webhook_kept_days: int = Field(
        30, ge=1, description="Referrals only: days in which settled messages to referrers stay in the log."
    )
    hour_rate_pence: int | None = Field(
        None,
        ge=1,
        description="Reporting only: what an hour given is valued at, pence; without it no value is put on hours.",
    )
    suppress_below: int = Field(5, ge=5, description="Published counts below this are suppressed; may only be raised.")

    @property
    def issuer_url(self) -> str:
        """The `iss` that tokens must carry."""
        return self.issuer or f"http://127.0.0.1:{self.port_base + 5}"

    @property
    def issuer_keys_url(self) -> str:
        """Where to fetch the issuer's public keys."""
        return self.jwks_url or f"{self.issuer_url}/.well-known/jwks.json"


@cache
def settings() -> Settings:
    """Return the settings of this process, read from the environment once."""
    return Settings()
