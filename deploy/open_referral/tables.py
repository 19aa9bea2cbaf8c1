"""A package of HSDS CSV files, put together again: each service with all that belongs to it."""

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from deploy import CannotRunError

LARGEST = 512 * 1024 * 1024  # bytes of all files together
LONGEST = 1024 * 1024  # characters of a cell

Row = dict[str, Any]
Rows = dict[str, list[Row]]

# Each entity's files, as packages name them.
FILES = {
    "organizations": ("organizations", "organization"),
    "services": ("services", "service"),
    "locations": ("locations", "location"),
    "addresses": ("address", "addresses"),
    "service_at_locations": ("service_at_location", "service_at_locations"),
    "schedules": ("schedule", "schedules"),
    "languages": ("languages", "language"),
    "phones": ("phones", "phone"),
    "organization_identifiers": ("organization_identifiers", "organization_identifier"),
    "attributes": ("attribute", "attributes"),
    "taxonomy_terms": ("taxonomy_terms", "taxonomy_term"),
    "taxonomies": ("taxonomies", "taxonomy"),
    "accessibility": ("accessibility",),
    "contacts": ("contacts", "contact"),
    "cost_options": ("cost_options", "cost_option"),
    "funding": ("funding", "fundings"),
    "service_areas": ("service_areas", "service_area"),
}
UNLINKED = "unlinked"  # where rows were found that belong to no service
OF_SERVICE = ("schedules", "languages", "phones", "contacts", "cost_options", "funding", "service_areas")
OF_LOCATION = ("addresses", "accessibility", "languages")


class PackageError(CannotRunError):
    """A package of CSV files cannot be read; the message says why."""


class Joined:
    """The rows of a package, each with what belongs to it; `used` are those that a service needed."""

    def __init__(self, rows: Rows) -> None:
        self.used: set[int] = set()
        self.rows = rows
        self.parts = {(name, "service_id"): _by(rows[name], "service_id") for name in OF_SERVICE}
        self.parts |= {(name, "location_id"): _by(rows[name], "location_id") for name in OF_LOCATION}
        self.attributes = _by(rows["attributes"], "link_id")
        self.numbers = _by(rows["organization_identifiers"], "organization_id")
        self.at_locations = _by(rows["service_at_locations"], "service_id")
        self.terms = {row.get("id"): row for row in rows["taxonomy_terms"]}
        self.organizations = {row.get("id"): row for row in rows["organizations"]}
        self.locations = {row.get("id"): row for row in rows["locations"]}

    def service(self, row: Row) -> Row:
        """Return a service with all that belongs to it."""
        service = self._whole(row, "service_id", OF_SERVICE)
        organization = self.organizations.get(row.get("organization_id"))
        if organization is not None:
            service["organization"] = self._whole(organization)
            if numbers := self._taken(self.numbers.get(organization.get("id"), [])):
                service["organization"]["organization_identifiers"] = numbers
        if at := self._taken(self.at_locations.get(row.get("id"), [])):
            service["service_at_locations"] = [self._placed(each) for each in at]
        return service

    def left(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield what no service needed, by file; terms and taxonomies are there to be looked up."""
        for name, some in self.rows.items():
            lost = [row for row in some if id(row) not in self.used]
            if lost and name not in {"taxonomy_terms", "taxonomies"}:
                yield name, lost

    def _placed(self, row: Row) -> Row:
        location = self.locations.get(row.get("location_id"))
        return row if location is None else {**row, "location": self._whole(location, "location_id", OF_LOCATION)}

    def _whole(self, row: Row, key: str = "", parts: tuple[str, ...] = ()) -> Row:
        (taken,) = self._taken([row])
        found = dict(taken)
        for name in parts:
            if mine := self._taken(self.parts[name, key].get(row.get("id"), [])):
                found[name] = mine
        if attributes := self._taken(self.attributes.get(row.get("id"), [])):
            found["attributes"] = [self._termed(each) for each in attributes]
        return found

    def _termed(self, row: Row) -> Row:
        term = self.terms.get(row.get("taxonomy_term_id"))
        return row if term is None else {**row, "taxonomy_term": term}

    def _taken(self, rows: list[Row]) -> list[Row]:
        self.used.update(map(id, rows))
        return rows


def package(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the services of a folder or zip of HSDS CSV files; last, the rows that belong to none, as `unlinked`."""
    rows = _rows(path)
    if not rows["services"]:
        raise PackageError(f"{path} has no services.csv with a service in it.")
    joined = Joined(rows)
    for number, row in enumerate(rows["services"], start=2):
        yield f"services.csv line {number}", joined.service(row)
    for name, lost in joined.left():
        yield UNLINKED, {name: lost}


def _by(rows: list[Row], key: str) -> Mapping[Any, list[Row]]:
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        if key in row:
            found[row[key]].append(row)
    return found


def _rows(path: Path) -> Rows:
    """Return the rows of every file, by entity; those of files that HSDS does not have by the file's own name."""
    names = {alias: entity for entity, aliases in FILES.items() for alias in aliases}
    found: Rows = {entity: [] for entity in FILES}
    csv.field_size_limit(LONGEST)
    for stem, text in _files(path):
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more")
        try:
            rows = [{name.strip(): cell for name, cell in row.items() if cell} for row in reader]
        except csv.Error:
            raise PackageError(f"{stem}.csv of {path} is not CSV.") from None
        found.setdefault(names.get(stem, stem), []).extend(rows)
    return found


def _files(path: Path) -> Iterator[tuple[str, str]]:
    read = 0
    for name, size, content in _contents(path):
        read += size
        if read > LARGEST:
            raise PackageError(f"{path} holds more than {LARGEST >> 20} MB.")
        try:
            yield PurePosixPath(name).stem.lower(), content().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise PackageError(f"{name} of {path} is not UTF-8.") from None


def _contents(path: Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    if path.is_dir():
        for each in sorted(path.glob("*.csv")):
            yield each.name, each.stat().st_size, each.read_bytes
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.lower().endswith(".csv") and "__MACOSX" not in info.filename:
                    yield info.filename, info.file_size, partial(archive.read, info)
    except zipfile.BadZipFile:
        raise PackageError(f"{path} is not a zip file.") from None
