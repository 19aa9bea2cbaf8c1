"""The catalogue: every measure there is. To add one, write a `Measure` in a module here."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from services.reporting.measures.measure import Measure, catalogue


def _written() -> Iterator[Measure]:
    """Every measure that a module of this package defines, alone or in a tuple, in the order of modules and lines."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        for value in vars(import_module(f"{__name__}.{module.name}")).values():
            several = value if isinstance(value, tuple) else (value,)
            yield from (each for each in several if isinstance(each, Measure))


MEASURES = catalogue(dict.fromkeys(_written()))  # one that another module imports is still one
