"""What configs and ledger know of the models in the matrix; what did not change is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from peak_console.config.document import Document, read_document
from peak_console.config.lint.engine import inspect
from peak_console.config.lock import EvidenceKind, Lock
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.registry import ModelRegistry, ModelsFile
from peak_console.config.sources import MAIN_FILES, Sources
from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.views.body_fields import text_of, time_of
from peak_console.operations.views.live import Slot
from peak_console.operations.views.matrix import LifeFact, PriceFact, Served, SlotTraffic, Verified
from peak_console.operations.views.rollup_fold import Windows

DAY_S: Final = 86_400
_WIDTH: Final = 600
_LOOK_BACK: Final = 200
"""Completed calls that are looked at for the name a model answered under."""
_KINDS: Final = ("models", "prices")


class TrafficFold:
    """The last 24 hours by slot, from the ledger's rollups; begins anew with another ledger."""

    def __init__(self) -> None:
        self._generation = -1
        self._windows = Windows(_WIDTH)
        self._served: dict[Slot, Served] = {}
        self._seen = 0

    def read(
        self, reader: LedgerReader, generation: int, now: datetime
    ) -> tuple[Mapping[Slot, SlotTraffic], Mapping[Slot, Served]]:
        """Traffic and served names at ``now``. Raises ``LedgerUnavailable``."""
        head, _ = reader.head()
        if generation != self._generation or head < self._seen:
            self._generation, self._windows, self._served, self._seen = generation, Windows(_WIDTH), {}, 0
        now_s = int(now.timestamp())
        since = now_s - DAY_S
        self._windows.refresh(lambda start: reader.rollups(_WIDTH, start), since, now_s)
        traffic: dict[Slot, SlotTraffic] = {}
        for slot, sums in self._windows.sums().items():
            p50, p95, _ = sums.quantiles_ms()
            traffic[slot] = SlotTraffic(sums.calls, p50, p95)
        if head != self._seen:
            self._read_served(reader)
            self._seen = head
        return traffic, dict(self._served)

    def _read_served(self, reader: LedgerReader) -> None:
        """The newest name of each slot among the calls that were completed since the last look."""
        page = reader.find(EventFilter(kinds=(EventKind.CALL_COMPLETED.value,)), None, _LOOK_BACK)
        fresh: dict[Slot, Served] = {}
        for event in page.events:
            if event.seq <= self._seen:
                break
            slot = Slot(event.layer or "", event.role or "", event.provider or "", event.model_id or "")
            served = text_of((event.body or {}).get("served_model"))
            if served and slot not in fresh:
                fresh[slot] = Served(served, time_of(event))
        self._served.update(fresh)


class FileFacts:
    """Prices, lifecycles and the lock, from files; parsed again only when one changed."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._read: dict[str, Document] = {}
        self._kept: tuple[tuple[str, ...], date, PhaseLevel] | None = None
        self.prices: Mapping[tuple[str, str], PriceFact] = {}
        self.lives: Mapping[tuple[str, str], LifeFact] = {}
        self.problem = ""

    def refresh(self, today: date) -> None:
        """Read what changed. Never raises on what the files hold."""
        documents = {
            kind: read_document(self._ws.root / MAIN_FILES[kind], MAIN_FILES[kind]) for kind in _KINDS
        }
        key = (tuple(one.sha256 for one in documents.values()), today, PhaseLevel.RESEARCH)
        if key == self._kept:
            return
        self._kept = key
        shapes = inspect(Sources(documents, complete=False), phase=PhaseLevel.RESEARCH, today=today).shapes
        broken = [documents[kind].name for kind in _KINDS if kind not in shapes]
        self.problem = f"not readable: {', '.join(broken)}" if broken else ""
        models, prices = shapes.get("models"), shapes.get("prices")
        self.lives = lives_of(ModelRegistry.of(models, ""), today) if isinstance(models, ModelsFile) else {}
        self.prices = prices_of(PriceTable.of(prices, ""), today) if isinstance(prices, PricesFile) else {}


def lives_of(registry: ModelRegistry, today: date) -> dict[tuple[str, str], LifeFact]:
    """What the registry says of each model's end. Pure."""
    found: dict[tuple[str, str], LifeFact] = {}
    for entry in registry:
        life = entry.lifecycle
        found[entry.provider, entry.model_id] = LifeFact(
            entry.allowed,
            life.shutdown.isoformat() if life else "",
            entry.days_left(today),
            (life.successor or "") if life else "",
        )
    return found


def prices_of(table: PriceTable, today: date) -> dict[tuple[str, str], PriceFact]:
    """The prices that hold today. Pure."""
    found: dict[tuple[str, str], PriceFact] = {}
    for model in table.rows:
        price = table.find(*model, today)
        if price is not None:
            found[model] = PriceFact(
                price.input_usd_per_mtok, price.output_usd_per_mtok, price.source, price.as_of.isoformat()
            )
    return found


@dataclass(frozen=True, slots=True)
class LockWords:
    """What a lock says: by slot, of all other slots, in words, and the eval scores it holds."""

    states: Mapping[Slot, Verified]
    rest: Verified | None
    words: str
    scores: Mapping[Slot, str] = field(default_factory=dict)


def lock_facts(lock: Lock | None, now: datetime) -> LockWords:
    """What a lock says of the slots at ``now``. Pure."""
    if lock is None:
        return LockWords({}, Verified.NO_LOCK, "no lock stands: peak lock write")
    if lock.file is None or lock.flaw is not None:
        flaw = lock.flaw.value.replace("_", " ") if lock.flaw is not None else "not readable"
        return LockWords({}, Verified.UNSOUND, f"the lock is of no use: {flaw}")
    head = lock.file.lock
    words = f"signed by {head.signer}, holds until {head.expires_at:%Y-%m-%d}"
    if now >= head.expires_at:
        return LockWords(
            {}, Verified.EXPIRED, f"the lock of {head.signer} expired {head.expires_at:%Y-%m-%d}"
        )
    states: dict[Slot, Verified] = {}
    scores: dict[Slot, str] = {}
    for one in lock.entries.values():
        slot = Slot(one.layer.value, one.role.value, one.provider, one.model_id)
        attested = one.evidence.kind is EvidenceKind.ATTESTED
        states[slot] = Verified.ATTESTED if attested else Verified.VERIFIED
        if one.evidence.score is not None:
            scores[slot] = one.evidence.score
    return LockWords(states, Verified.UNVERIFIED, words, scores)


def level_of(phase: str) -> PhaseLevel:
    """The level of rules of a phase's name; the strictest for a word unknown here."""
    try:
        return Phase(phase).level
    except ValueError:
        return PhaseLevel.LIVE
