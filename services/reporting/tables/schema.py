"""The schema that all facts belong to."""

from sqlalchemy.orm import DeclarativeBase

from shared.db import naming


class Base(DeclarativeBase):
    """The facts; `roundtable rebuild` makes all of these tables again."""

    metadata = naming()
