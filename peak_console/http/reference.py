"""The reference page of the metrics: ``python -m peak_console.http.reference`` writes it to stdout."""

import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from peak_console.domain.posture import PostureState
from peak_console.http import families as of
from peak_console.operations.metrics import BOUNDS_S, Meter

PAGE: Final = "docs/reference/metrics.md"
"""Where the page stands in the repository."""

_HEAD: Final = """# Metrics

Made from the program by `python -m peak_console.http.reference > docs/reference/metrics.md`; do not edit it
here. The node serves them on 127.0.0.1 at the address that `peak status` names (`[exporters.metrics]` in
`configs/console.toml` fixes the port), in Prometheus' text format or OpenMetrics, whichever is asked for.
Only GET with a loopback `Host` is answered. `run_id` is never a label.

Counters are folds of the ledger: they count since its genesis and go on over restarts of every process. A
ledger that cannot be read gives status 503 with the reason in the first line; the posture is told all the
same. `/healthz` says in JSON whether the ledger can be read, and the posture.
"""


class Row(NamedTuple):
    """One metric as the page shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


def rows() -> Iterator[Row]:
    """Every metric of our own, by name as it is scraped."""
    for one in of.LEDGER_FAMILIES:
        name, kind = (f"{one.name}_total", "counter") if one.counter else (one.name, "gauge")
        yield Row(name, kind, one.labels, one.help)
    yield Row(of.DURATION, "histogram", of.SLOT, of.DURATION_HELP)
    yield Row("ledger_up", "gauge", (), of.UP_HELP)
    yield Row("control_posture", "gauge", ("state",), of.POSTURE_HELP)
    yield Row("control_calls_permitted", "gauge", (), of.PERMITTED_HELP)
    yield Row("control_lease_age_seconds", "gauge", (), of.LEASE_HELP)
    yield Row("peak_build_info", "gauge", tuple(Meter.build()), of.BUILD_HELP)


def render() -> str:
    """The page as Markdown."""
    table = ["| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
    for row in rows():
        labels = ", ".join(f"`{one}`" for one in row.labels) or "none"
        table.append(f"| `{row.name}` | {row.kind} | {labels} | {row.help} |")
    bounds = ", ".join(str(bound) for bound in BOUNDS_S)
    states = ", ".join(f"`{state.value}`" for state in PostureState)
    notes = (
        f"Buckets of `{of.DURATION}`: {bounds} seconds. States of `control_posture`: {states}. The serving "
        "process tells its own `process_*` beside these (Linux).\n"
    )
    return "\n".join([_HEAD, *table, "", notes])


if __name__ == "__main__":
    sys.stdout.write(render())
