"""Control's figures: stopping, lapsing, leases, kills, clocks, tokens, alerts, the one-minute actions.

    python benchmarks/control.py [--quick] [--only stops,laws,kills,alerts] [--events 1000000]
                                 [--folder DIR] [--json]

``stops`` and ``alerts`` are measured on a workspace with a ledger of a million events and 50 calls a second
over simulated providers; its ledger is made once and lies in the folder. Exit 1 when a law is broken (a stop
undone, a broken lease that permits, arming that outlives its lease, a wrong token that arms) or a target is
missed.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from control_alerts import alerts, cancelling, one_minute
from control_figures import Figure, Table
from control_kills import kills
from control_laws import broken_leases, clock_sequences, tokens
from control_place import Place, busy, made
from control_stopping import check_cost, from_shell, global_stops, node_deaths, plain_stops, scope_stops

PARTS = ("laws", "kills", "stops", "alerts")


def laws(part: int) -> Iterator[Figure]:
    """What must hold in every try."""
    yield broken_leases(10_000 // part)
    yield clock_sequences(10_000 // part)
    yield from tokens(100_000 // part)


def stops(place: Place, part: int) -> Iterator[Figure]:
    """Stops of everything and of a layer, the cost of a check, deaths of the node."""
    with tempfile.TemporaryDirectory() as folder:
        base = plain_stops(Path(folder), 200 // part)
    yield check_cost(place)
    yield from_shell(max(100 // part, 10))
    yield from global_stops(place, 100 // part, base)
    yield from scope_stops(place, 100 // part)
    yield from node_deaths(place, max(10 // part, 2))


def watching(place: Place, part: int) -> Iterator[Figure]:
    """What an operator sees and does."""
    yield from cancelling()
    yield from alerts(place, 5)
    yield from one_minute(place, max(5 // part, 2))


def main() -> int:
    """Measure, print, and fail when a law is broken or a target missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, the ledger too")
    parser.add_argument("--only", default=",".join(PARTS), help="some of: " + ",".join(PARTS))
    parser.add_argument("--events", type=int, default=1_000_000, help="events on the ledger")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "peak-bench-control")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    part, wanted = 10 if asked.quick else 1, set(asked.only.split(","))
    table = Table(as_json=asked.json)
    if "laws" in wanted:
        for figure in laws(part):
            table.add(figure)
    if "kills" in wanted:
        table.add(*kills(200 // part, asked.seed))
    on_place: list[Callable[[Place, int], Iterator[Figure]]] = []
    on_place += [stops] if "stops" in wanted else []
    on_place += [watching] if "alerts" in wanted else []
    if on_place:
        with place_of(table, asked.folder, asked.events // part) as place:
            for measure in on_place:
                for figure in measure(place, part):
                    table.add(figure)
    return table.end()


@contextmanager
def place_of(table: Table, folder: Path, events: int) -> Iterator[Place]:
    """The busy workspace, and how large its ledger is."""
    folder.mkdir(parents=True, exist_ok=True)
    ws, seconds = made(folder, events)
    with busy(ws) as place:
        table.add(
            Figure(
                "events on the ledger, 50 calls/s", f"{place.answered():,}", "", f"made in {seconds:.0f} s"
            )
        )
        yield place


if __name__ == "__main__":
    sys.exit(main())
