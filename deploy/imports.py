"""Reading many modules, fast."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def many_imports() -> Iterator[None]:
    """Look for no garbage meanwhile, and never again among what was read: modules last, and that halves the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
