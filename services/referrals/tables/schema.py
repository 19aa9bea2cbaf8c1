"""The schema that all tables of `referrals` belong to."""

from sqlalchemy.orm import DeclarativeBase

from shared.db import naming


class Base(DeclarativeBase):
    """The tables of this schema."""

    metadata = naming()
