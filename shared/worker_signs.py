"""Signs of life: what a worker last said of itself, read by readiness and metrics."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Kernel


class WorkerSign(Kernel):
    """A worker's latest sign of life, by which readiness tells silence from health."""

    __tablename__ = "worker_signs"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
