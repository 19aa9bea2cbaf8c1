"""How a message is read: strictly as JSON, tolerantly as FHIR; only what the referral leads to is looked at."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import ValidationError

from services.referrals.fhir.outcomes import MessageMalformed, PartMissing, TooCostly, VersionUnsupported
from services.referrals.fhir.resources import (
    Bundle,
    CodeableConcept,
    Extension,
    Identifier,
    MessageHeader,
    Part,
    Patient,
    Reference,
    Resource,
    ServiceRequest,
)
from shared import strict_json
from shared.app import field_error

MOST_ENTRIES = 200
MOST_ERRORS = 10  # told of one part; there may be thousands
VERSION = re.compile(r"1(\.\d{1,4}){0,2}([-+][A-Za-z0-9.+-]{1,40})?")
ODS_SYSTEM = "fhir.nhs.uk/id/ods-organization-code"
ODS_CODE = re.compile(r"[A-Z0-9]{2,20}")
SCHEME = re.compile(r"^[a-z]+://", re.IGNORECASE)

AnyPart = TypeVar("AnyPart", bound=Part)
AnyResource = TypeVar("AnyResource", bound=Resource)


class Message:
    """A message bundle whose resources are found by reference; what nothing refers to is never looked into."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._found = _by_reference(bundle)
        self.header = self._only_header()
        self.request = self._focus()

    def resolve(self, reference: Reference, kind: type[AnyResource]) -> AnyResource | None:
        """Return the resource of that kind that a reference leads to inside the message, or None."""
        resource = self._found.get(_without_version(reference.reference.strip().casefold()))
        if resource is None or resource.get("resourceType") != kind.__name__:
            return None
        return typed(kind, resource)

    def resolve_all(self, references: Iterable[Reference], kind: type[AnyResource]) -> Iterator[AnyResource]:
        """Yield the resources of that kind that references lead to; those that lead nowhere are passed over."""
        for reference in references:
            if (resource := self.resolve(reference, kind)) is not None:
                yield resource

    def patient(self) -> Patient:
        """Return whom the referral is about; raises `PartMissing` unless that is one patient in the message."""
        found = self.resolve(self.request.subject, Patient)
        if found is None:
            raise PartMissing("ServiceRequest.subject does not lead to one Patient in the Bundle.")
        return found

    def _only_header(self) -> MessageHeader:
        headers = [each.resource for each in self.bundle.entry if each.resource.get("resourceType") == "MessageHeader"]
        if len(headers) != 1:
            raise PartMissing("A message has exactly one MessageHeader.")
        return typed(MessageHeader, headers[0])

    def _focus(self) -> ServiceRequest:
        found = list(self.resolve_all(self.header.focus, ServiceRequest))
        if len(found) != 1:
            raise PartMissing("MessageHeader.focus does not lead to one ServiceRequest in the Bundle.")
        return found[0]


def read(content: bytes) -> Bundle:
    """Return a message's bundle; raises what the door answers when it is none that can be read here."""
    try:
        value = strict_json.loads(content)
    except strict_json.TooDeep as problem:
        raise TooCostly(f"Not accepted: {problem}.") from None
    except strict_json.BadJson as problem:
        raise MessageMalformed(f"Not accepted: {problem}.") from None
    bundle = typed(Bundle, value)
    if (bundle.resource_type, bundle.type) != ("Bundle", "message"):
        raise MessageMalformed("Send a Bundle of type message.")
    if bundle.meta.version_id is not None and not VERSION.fullmatch(bundle.meta.version_id):
        raise VersionUnsupported("Bundle.meta.versionId must be a version 1, or be left out.")
    if len(bundle.entry) > MOST_ENTRIES:
        raise TooCostly(f"At most {MOST_ENTRIES} entries.")
    return bundle


def typed(kind: type[AnyPart], value: object) -> AnyPart:
    """Return a part as what it should be; raises `MessageMalformed`, which says where it is not, and never what it is."""
    try:
        return kind.model_validate(value)
    except ValidationError as problem:
        errors = [field_error(error, skip=0) for error in problem.errors(include_input=False)[:MOST_ERRORS]]
        for error in errors:
            error.pointer = f"{kind.__name__}{error.pointer}"
        raise MessageMalformed(errors=errors) from None


def same_system(system: str) -> str:
    """Return what two spellings of one system share: http or https, Id or id, with or without a last slash."""
    return SCHEME.sub("", system.strip()).casefold().rstrip("/")


def codes(concept: CodeableConcept | None, *systems: str) -> list[str]:
    """Return the codes that a concept has in any of these systems (spelled as `same_system` does), in their order."""
    if concept is None:
        return []
    return [each.code.strip() for each in concept.coding if same_system(each.system) in systems and each.code.strip()]


def extensions(given: Iterable[Extension], url: str) -> Iterator[Extension]:
    """Yield the extensions of that kind."""
    return (each for each in given if same_system(each.url) == url)


def ods_code(identifiers: Iterable[Identifier]) -> str | None:
    """Return an organisation's ODS code, when it has one that looks like one."""
    for each in identifiers:
        if same_system(each.system) == ODS_SYSTEM and ODS_CODE.fullmatch(each.value.strip().upper()):
            return each.value.strip().upper()
    return None


def _by_reference(bundle: Bundle) -> dict[str, dict[str, Any] | None]:
    """Return resources by every reference that leads to them; None where one would lead to two."""
    found: dict[str, dict[str, Any] | None] = {}
    for entry in bundle.entry:
        kind, id_ = entry.resource.get("resourceType"), entry.resource.get("id")
        url = entry.full_url.strip().casefold()
        names = {url, f"{kind}/{id_}".casefold() if isinstance(kind, str) and isinstance(id_, str) else ""}
        if url.startswith("urn:uuid:"):
            names.add(f"{kind}/{url.removeprefix('urn:uuid:')}".casefold())
        for name in names - {""}:
            found[name] = None if name in found else entry.resource
    return found


def _without_version(reference: str) -> str:
    return reference.partition("/_history/")[0]
