"""The instruments that can be answered: one JSON pack each, checked and read once."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from services.surveys.instruments.pack import Instrument


@cache
def instruments() -> Mapping[str, Instrument]:
    """Return every instrument by code; a pack that breaks its own rules stops the service from starting."""
    found = {}
    for file in sorted(files("services.surveys.instruments").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            instrument = Instrument.model_validate_json(file.read_bytes())
            if file.name != f"{instrument.code}.json":
                raise ValueError(f"{file.name} holds the instrument {instrument.code}")
            found[instrument.code] = instrument
    return MappingProxyType(found)


__all__ = ["Instrument", "instruments"]
