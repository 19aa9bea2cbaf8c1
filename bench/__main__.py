"""`make bench`: every figure of docs/performance.md, measured again on this machine."""

import argparse

from rich.console import Console

from bench import suite, whole
from bench.figures import Figure, keep, machine, show
from bench.rig import rig

WIDTH = 140  # columns, wherever it is printed


def main() -> None:
    """Measure, print, keep."""
    words = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words.add_argument(
        "--quick", action="store_true", help="one short round of each: for a first look, not for figures"
    )
    quick = words.parse_args().quick
    rounds, seconds, events = (1, 1.0, 5_000) if quick else (3, 4.0, 20_000)
    console, where, figures = Console(width=WIDTH), machine(), list[Figure]()
    with rig() as parts:
        figures += suite.receiving(parts, rounds, seconds)
        figures += suite.bulk(parts, rounds, 2 if quick else 10)
        figures += suite.relay(parts, rounds, events)
        figures += suite.projection(parts, rounds, events)
    with whole.system() as (running, took):
        figures += whole.starting_and_standing(running, took)
        figures += whole.to_the_report(running, 20 if quick else 200)
        for rate in (100,) if quick else (100, 500):
            figures += whole.visible(running, rate, 2 if quick else 10)
    show(console, figures, where)
    console.print(f"Kept in bench/results/{keep(figures, where).name}.", highlight=False)


if __name__ == "__main__":
    main()
