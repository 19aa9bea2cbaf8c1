"""The schema that all tables of `sites` belong to, and what every record has."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Integer, LargeBinary, String, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import naming


class Base(DeclarativeBase):
    """The tables of this schema."""

    metadata = naming()


class Recorded(Base):
    """Columns of whatever is recorded here: by whom, how a repetition is recognised, which version, and when it changed."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    registered_by: Mapped[str] = mapped_column(String(200))
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    modified_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
