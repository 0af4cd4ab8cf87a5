"""What a rule sees: the files as read, what they mean as far as they can be understood, phase and day."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeVar

from peak_console.config.budgets import BudgetsFile
from peak_console.config.canaries import CanaryFile
from peak_console.config.document import Document
from peak_console.config.editing.changes import Change
from peak_console.config.lint.finding import Fix
from peak_console.config.lock import LockFile
from peak_console.config.matrix import LayerConfig, MatrixFile
from peak_console.config.positions import Path, Place
from peak_console.config.prices import PricesFile, PriceTable
from peak_console.config.registry import ModelEntry, ModelsFile
from peak_console.config.schema import ConfigModel
from peak_console.config.scopes import ScopeFile
from peak_console.config.sources import Sources
from peak_console.domain.vocabulary import Layer, PhaseLevel

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule broken at a place of a file; ``remedy`` replaces the rule's own where it can say more."""

    rule: str
    file: str
    place: Place
    message: str
    remedy: str = ""
    fix: Fix | None = None


_KEPT_MOST: Final = 512
"""As many findings a memo keeps; with more it begins anew."""


class Memo:
    """What was found out of single files, kept from one inspection to the next while they stay the same.

    Safe to share between threads: at worst something is found twice.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[Document, Any]] = {}

    def of(self, what: str, document: Document, find: Callable[[], _T]) -> _T:
        """What ``find`` gives for this document; asked once for each."""
        key = (what, document.name)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not document:
            if len(self._kept) >= _KEPT_MOST:
                self._kept.clear()
            kept = self._kept[key] = (document, find())
        found: _T = kept[1]
        return found


@dataclass(frozen=True, slots=True)
class Inspection:
    """The input of every rule. ``shapes`` holds the validated part of each main file that has one."""

    sources: Sources
    shapes: dict[str, ConfigModel]
    phase: PhaseLevel
    today: date
    origins: Mapping[str, Mapping[Path, list[int]]] = field(default_factory=dict)
    """By kind: where the elements of shortened lists stand in the file."""
    scopes: Mapping[str, ScopeFile] = field(default_factory=dict)
    """Capability scopes that could be understood, by the file's name without its suffix."""

    canaries: Mapping[str, CanaryFile] = field(default_factory=dict)
    """Sets of gold cases that could be understood, by the file's name without its suffix."""

    memo: Memo = field(default_factory=Memo, compare=False)
    index: dict[str, Any] = field(default_factory=dict, compare=False)
    """What rules derive from all files, derived once."""

    def once(self, what: str, derive: Callable[[], _T]) -> _T:
        """What ``derive`` gives, asked once in this inspection."""
        if what not in self.index:
            self.index[what] = derive()
        found: _T = self.index[what]
        return found

    def document(self, kind: str) -> Document:
        """A main file as read."""
        return self.sources.main[kind]

    def hit(
        self, rule: str, kind: str, path: Path, message: str, remedy: str = "", *, fix: Fix | None = None
    ) -> Hit:
        """A rule broken at a key of a main file."""
        document = self.document(kind)
        place = document.place(self.as_written(kind, path))
        if fix is not None and self.origins.get(kind):
            changes = (Change(self.as_written(kind, one.path), one.value) for one in fix.changes)
            fix = Fix(fix.title, tuple(changes))
        return Hit(rule, document.name, place, message, remedy, fix)

    def as_written(self, kind: str, path: Path) -> Path:
        """A path of the validated part as the file has it: lists may have lost elements that are wrong."""
        for shortened, indices in self.origins.get(kind, {}).items():
            length = len(shortened)
            step = path[length] if len(path) > length and path[:length] == shortened else None
            if isinstance(step, int) and step < len(indices):
                path = (*shortened, indices[step], *path[length + 1 :])
        return path

    def data(self, kind: str) -> dict[str, Any]:
        """The raw data of a main file; empty when it has none."""
        return self.document(kind).data or {}

    @property
    def matrix(self) -> MatrixFile | None:
        """The valid part of the matrix."""
        shape = self.shapes.get("matrix")
        return shape if isinstance(shape, MatrixFile) else None

    @property
    def models(self) -> ModelsFile | None:
        """The valid part of the registry."""
        shape = self.shapes.get("models")
        return shape if isinstance(shape, ModelsFile) else None

    @property
    def prices(self) -> PricesFile | None:
        """The valid part of the price table."""
        shape = self.shapes.get("prices")
        return shape if isinstance(shape, PricesFile) else None

    @property
    def budgets(self) -> BudgetsFile | None:
        """The valid part of the budgets."""
        shape = self.shapes.get("budgets")
        return shape if isinstance(shape, BudgetsFile) else None

    @property
    def lock(self) -> LockFile | None:
        """The valid part of the lock."""
        shape = self.shapes.get("lock")
        return shape if isinstance(shape, LockFile) else None

    def layers(self) -> Iterator[tuple[Layer, LayerConfig]]:
        """The layers of the matrix that may hold models and stand in the file."""
        for layer in Layer:
            config = getattr(self.matrix, layer.value, None)
            if isinstance(config, LayerConfig):
                yield layer, config

    def model(self, provider: str, model_id: str) -> ModelEntry | None:
        """The registry's entry for a model."""
        return self.once("models", self._entries).get((provider, model_id))

    def _entries(self) -> dict[tuple[str, str], ModelEntry]:
        entries: dict[tuple[str, str], ModelEntry] = {}
        for entry in self.models.model if self.models else ():
            entries.setdefault((entry.provider, entry.model_id), entry)
        return entries

    def price_table(self) -> PriceTable | None:
        """The prices by model; ``None`` where the file could not be understood."""
        prices = self.prices
        return None if prices is None else self.once("prices", lambda: PriceTable.of(prices, ""))


Check = Callable[[Inspection], Iterator[Hit]]
"""A rule's implementation: pure, and it never raises on what files hold."""
