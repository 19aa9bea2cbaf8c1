"""Reading many modules, fast, and then looking for garbage seldom."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (50_000, 20, 50)  # objects made, then rounds: what services make is nearly all freed by counting references


@contextmanager
def many_imports() -> Iterator[None]:
    """Look for no garbage meanwhile, and never again among what was read: modules last, and that halves the time.

    Afterwards look seldom: at Python's own thresholds a busy api spends a tenth of its time looking.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*SELDOM)
        gc.enable()
