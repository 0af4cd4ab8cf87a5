"""A reading in Prometheus' own text, by prometheus-client."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder
from prometheus_client.registry import Collector

from peak_console.domain.errors import LedgerUnavailable
from peak_console.domain.text import one_line
from peak_console.http.families import families
from peak_console.operations.metrics import Meter, Reading

PLAIN: Final = ""
"""The ``Accept`` header of who takes the plain text format."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered: status, type and body."""

    status: int
    content_type: str
    body: bytes


class Exposition:
    """The pages of a meter. One thread at a time."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def metrics(self, accept: str) -> Page:
        """``/metrics``: 200, or 503 with the reason first where the ledger cannot be read.

        The posture and the process's own figures are there in either case.
        """
        reading = self._meter.read()
        why = reading.ledger
        if not isinstance(why, LedgerUnavailable):
            text, content_type = self._encoded(reading, accept)
            return Page(200, content_type, text)
        text, _ = self._encoded(reading, PLAIN)
        reason = one_line(f"{why.code}: {why.message}", 500)
        return Page(503, CONTENT_TYPE_PLAIN_0_0_4, f"# {reason}\n".encode() + text)

    def _encoded(self, reading: Reading, accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Once(families(reading, self._build)))
        registry.register(self._process)
        return encode(registry), content_type

    @cached_property
    def _build(self) -> dict[str, str]:
        return self._meter.build()

    @cached_property
    def _process(self) -> ProcessCollector:
        return ProcessCollector(registry=None)


class _Once(Collector):
    """A collector of what is there already."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found
