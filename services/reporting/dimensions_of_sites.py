"""Kinds of dimension that split by site of the register, by cluster, or by what a site is now."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, any_, case, cast, func, literal

from services.reporting.dimensions import YES_NO, Dimension, Frame, Group, Register, YesOrNo
from services.reporting.tables import Pathway
from shared.codes import NOT_RECORDED


@dataclass(frozen=True, eq=False, kw_only=True)
class CoProvided(YesOrNo):
    """By whether the introducing site delivers together with the NHS, now."""

    about: ClassVar[str] = (
        "Yes: introduced by a site that is a co-provider now. No site is a no; a site not heard of yet is not recorded."
    )

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return Yes, No or Not recorded; nobody introduced by no site was introduced by a co-provider."""
        return case((Pathway.site_id.is_(None), YES_NO[1]), else_=super().group(frame))


@dataclass(frozen=True, eq=False, kw_only=True)
class RegisteredSite(Dimension):
    """By site of the register."""

    about: ClassVar[str] = "Every registered site has a row; no site, or one not heard of yet, is not recorded."

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return the site's id; in a table limited to sites, the others are not told apart."""
        if frame.sites is not None:
            own = self.key == any_(literal(sorted(frame.sites), ARRAY(Uuid)))
            return case((own, cast(self.key, Text)), else_=NOT_RECORDED)
        return func.coalesce(cast(self.key, Text), NOT_RECORDED)

    def label(self, key: str, register: Register) -> str:
        """Return the site's name."""
        return key if key == NOT_RECORDED else register.sites.get(UUID(key), NOT_RECORDED)

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the registered sites by name, and Not recorded."""
        del on
        return (*(Group(name, (str(site),)) for site, name in register.sites.items()), Group(NOT_RECORDED))


@dataclass(frozen=True, eq=False, kw_only=True)
class RegisteredCluster(Dimension):
    """By cluster of registered sites."""

    about: ClassVar[str] = (
        "Every cluster of registered sites has a row; no site, or a site of no cluster, is not recorded."
    )

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the clusters by name, and Not recorded."""
        del on
        return (*(Group(name, (name,)) for name in register.clusters), Group(NOT_RECORDED))
