"""What stands on the outside of a message: its ids, what form it has and may be answered in, and who says they sent it."""

import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import Headers

from services.referrals.fhir.outcomes import HeaderInvalid, HeaderMissing, NotAcceptable
from services.referrals.fhir.reading import ods_code
from services.referrals.fhir.resources import Organization
from shared import strict_json
from shared.problems import UnsupportedMediaType

READ = {"application/fhir+json", "application/json"}
ANSWERED = READ | {"application/*", "*/*"}
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
VERSIONS = {"version": re.compile(r"1(\.\d{1,4}){0,2}"), "fhirversion": re.compile(r"4(\.0(\.1)?)?")}
END_USER = "NHSD-End-User-Organisation"
KEPT = (END_USER, "NHSD-Target-Identifier", "NHSD-Requesting-Software", "NHSD-Requesting-Practitioner")
LONGEST_KEPT = 8192


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outside of a message: the ids of request and conversation, and the NHSD headers as they came."""

    request_id: UUID
    correlation_id: UUID
    nhsd: Mapping[str, str]

    @classmethod
    def of(cls, headers: Headers) -> "Envelope":
        """Read a request's headers; raises what the door answers when they are not good enough."""
        request_id, correlation_id = _id(headers, "X-Request-Id"), _id(headers, "X-Correlation-Id")
        given = headers.get("Content-Type", "application/fhir+json").partition(";")[0].strip().casefold()
        if given not in READ:
            raise UnsupportedMediaType("Send application/fhir+json; XML is not read here.")
        refuse_unless_acceptable(headers.get("Accept"))
        kept = {name: value for name in KEPT if (value := headers.get(name)) and len(value) <= LONGEST_KEPT}
        return cls(request_id, correlation_id, kept)

    @property
    def sender(self) -> str | None:
        """The ODS code of the sender's organisation, where a header gives one."""
        try:
            content = b64decode(self.nhsd.get(END_USER, ""), validate=True)
            organisation = Organization.model_validate(strict_json.loads(content))
        except (NotBase64, strict_json.BadJson, ValidationError):
            return None
        return ods_code(organisation.identifier)

    def as_kept(self) -> str | None:
        """Return the NHSD headers as one text, to be sealed; None when there are none."""
        return json.dumps(dict(self.nhsd)) if self.nhsd else None


def refuse_unless_acceptable(accept: str | None) -> None:
    """Raise `NotAcceptable` when a sender takes no answer of this door's form and version."""
    if accept and not any(_acceptable(each) for each in accept.split(",")):
        raise NotAcceptable


def _acceptable(media: str) -> bool:
    kind, *parameters = media.split(";")
    if kind.strip().casefold() not in ANSWERED:
        return False
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        wanted = VERSIONS.get(name.strip().casefold())
        if wanted is not None and not wanted.fullmatch(value.strip().strip('"')):
            return False
    return True


def _id(headers: Headers, name: str) -> UUID:
    given = headers.get(name)
    if given is None:
        raise HeaderMissing(f"{name} is required.")
    if not UUID_FORM.fullmatch(given):
        raise HeaderInvalid(f"{name} must be a UUID.")
    return UUID(given)
