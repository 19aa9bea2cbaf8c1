"""Listening to what this process logs, exactly as it would be printed."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import structlog

from shared.logs import configure


@contextmanager
def listening() -> Iterator[StringIO]:
    """Collect every log line, ours and libraries'."""
    configure("tests")
    before, lines = structlog.get_config(), StringIO()
    structlog.configure(
        **before | {"logger_factory": structlog.PrintLoggerFactory(lines), "cache_logger_on_first_use": False}
    )
    for name, module in list(sys.modules.items()):
        if name.startswith(("shared.", "services.")) and (log := vars(module).get("log")) is not None:
            vars(log).pop("bind", None)  # forget what it remembered from its first line
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    stdout = handler.setStream(lines)
    try:
        yield lines
    finally:
        structlog.configure(**before)
        handler.setStream(stdout or sys.stdout)
