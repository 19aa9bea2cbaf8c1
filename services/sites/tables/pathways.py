"""What is kept from others' events so that a site sees its own numbers: days of pathways, and nobody whose they are."""

from datetime import date
from uuid import UUID

from sqlalchemy import Boolean, Date, Index, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from services.sites.tables.schema import Base


class Pathway(Base):
    """A pathway: which site introduced the person, and the days it began and ended; a column not told of yet is NULL."""

    __tablename__ = "pathways"
    __table_args__ = (Index("ix_pathways_site_id", "site_id"),)

    referral_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    received_on: Mapped[date | None] = mapped_column(Date)
    refused_on: Mapped[date | None] = mapped_column(Date)
    discharged_on: Mapped[date | None] = mapped_column(Date)
    removed: Mapped[bool] = mapped_column(Boolean, server_default=false())


class PathwayContact(Base):
    """A care contact of a pathway: its day, and whether it assessed or treated; without a day it was withdrawn."""

    __tablename__ = "pathway_contacts"
    __table_args__ = (Index("ix_pathway_contacts_referral_id", "referral_id"),)

    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    referral_id: Mapped[UUID] = mapped_column(Uuid)
    on: Mapped[date | None] = mapped_column(Date)
    assessment: Mapped[bool] = mapped_column(Boolean)
    treatment: Mapped[bool] = mapped_column(Boolean)
