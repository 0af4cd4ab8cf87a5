"""What configs and ledger know of the models in the matrix; what did not change is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from peak_console.config.document import Document
from peak_console.config.lint.schema import validate
from peak_console.config.lock import Lock
from peak_console.config.lock_places import places_of
from peak_console.config.matrix import MatrixFile
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.registry import ModelRegistry, ModelsFile
from peak_console.config.sources import KEYS, MAIN_FILES, read_either, read_keys
from peak_console.config.verifying import Standing, judged, of_trouble, standing, trouble_of
from peak_console.config.workspace import Workspace
from peak_console.domain.events import EventKind
from peak_console.domain.vocabulary import Phase, PhaseLevel
from peak_console.ledger.filters import EventFilter
from peak_console.ledger.reader import LedgerReader
from peak_console.operations.locking.recorded import LockRecord
from peak_console.operations.views.body_fields import text_of, time_of
from peak_console.operations.views.live import Slot
from peak_console.operations.views.matrix import LifeFact, PriceFact, Served, SlotTraffic
from peak_console.operations.views.rollup_fold import Windows

DAY_S: Final = 86_400
_WIDTH: Final = 600
_LOOK_BACK: Final = 200
"""Completed calls that are looked at for the name a model answered under."""
_KINDS: Final = ("models", "prices", "matrix")


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
        self._kept: tuple[tuple[str, ...], date] | None = None
        self._models = ModelRegistry.of(ModelsFile(), "")
        self._prices = PriceTable.of(PricesFile(), "")
        self._matrix: MatrixFile | None = None
        self._lock: tuple[tuple[str, Mapping[str, str]], Lock | None] = (("", {}), None)
        self.prices: Mapping[tuple[str, str], PriceFact] = {}
        self.lives: Mapping[tuple[str, str], LifeFact] = {}
        self.problem = ""

    def refresh(self, today: date) -> None:
        """Read what changed. Never raises on what the files hold."""
        documents = {kind: self._read(kind) for kind in _KINDS}
        key = (tuple(one.sha256 for one in documents.values()), today)
        if key == self._kept:
            return
        self._kept = key
        shapes = {kind: validate(kind, document)[0] for kind, document in documents.items()}
        broken = [documents[kind].name for kind, shape in shapes.items() if shape is None]
        self.problem = f"not readable: {', '.join(broken)}" if broken else ""
        models, prices, matrix = shapes["models"], shapes["prices"], shapes["matrix"]
        self._matrix = matrix if isinstance(matrix, MatrixFile) else None
        self._models = ModelRegistry.of(models if isinstance(models, ModelsFile) else ModelsFile(), "")
        self._prices = PriceTable.of(prices if isinstance(prices, PricesFile) else PricesFile(), "")
        self.lives = lives_of(self._models, today)
        self.prices = prices_of(self._prices, today)

    def _read(self, kind: str) -> Document:
        document, _ = read_either(self._ws.root, MAIN_FILES[kind])
        return document

    def lock(self, now: datetime, record: LockRecord | None = None) -> "LockWords":
        """What the lock says of the models as they are now; by the ledger, where ``record`` tells it."""
        document = self._read("lock")
        keys = read_keys(self._ws.root / KEYS) if document.sha256 else {}
        if self._lock[0] != (document.sha256, keys):
            self._lock = ((document.sha256, keys), judged(document, keys))
        lock = self._lock[1] if record is None else record.judged(self._lock[1])
        return lock_facts(lock, self._models, self._prices, now, self._matrix)


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

    states: Mapping[Slot, Standing]
    rest: Standing | None
    words: str
    scores: Mapping[Slot, str] = field(default_factory=dict)


def lock_facts(
    lock: Lock | None,
    models: ModelRegistry,
    prices: PriceTable,
    now: datetime,
    matrix: MatrixFile | None = None,
) -> LockWords:
    """What a lock says at ``now`` of the slots it knows and of all others. Pure."""
    if lock is None:
        return LockWords({}, Standing.NO_LOCK, "write one with: peak lock write")
    trouble = trouble_of(lock, now)
    states: dict[Slot, Standing] = {}
    scores: dict[Slot, str] = {}
    rest = Standing.UNVERIFIED
    if trouble is not None:
        return LockWords({}, of_trouble(trouble), trouble.message)
    for key, entry in lock.entries.items():
        layer, role, provider, model_id = key
        slot = Slot(layer.value, role.value, provider, model_id)
        price = prices.find(provider, model_id, now.date())
        model, places = models.find(provider, model_id), places_of(matrix, key)
        states[slot] = standing(lock, key, model, price, now, places=places)
        if entry.evidence.score is not None:
            scores[slot] = entry.evidence.score
    until = f", until {lock.expires_at:%Y-%m-%d}" if lock.expires_at else ""
    return LockWords(states, rest, f"lock signed by {lock.signer}{until}", scores)


def level_of(phase: str) -> PhaseLevel:
    """The level of rules of a phase's name; the strictest for a word unknown here."""
    try:
        return Phase(phase).level
    except ValueError:
        return PhaseLevel.LIVE
