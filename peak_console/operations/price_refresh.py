"""``peak prices refresh``: what newer published prices would change in configs/ai/prices.toml, as a draft."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from peak_console.budget.prices import Price
from peak_console.config.editing.applying import apply_changes
from peak_console.config.editing.changes import Change
from peak_console.config.editing.targets import Target
from peak_console.config.registry import ModelEntry
from peak_console.config.sources import read_sources
from peak_console.config.workspace import Workspace
from peak_console.operations.phase import rules_of
from peak_console.operations.published_prices import PACKAGE, GenaiPrices, PriceSource, Published
from peak_console.operations.workbench.files import Standing, read_standing
from peak_console.operations.workbench.handing import hand_over, target_standing
from peak_console.operations.workbench.shapes import Draft
from peak_console.operations.workbench.sides import Side, side_of

ORIGIN: Final = "prices refresh"
_PRICES: Final = (
    "input_usd_per_mtok",
    "cache_read_usd_per_mtok",
    "cache_write_usd_per_mtok",
    "output_usd_per_mtok",
    "request_usd",
    "hosted_call_usd",
)


class RowKind(StrEnum):
    """What becomes of a model's price."""

    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"
    KEPT = "kept"
    UNKNOWN = "unknown"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class RefreshRow:
    """One model: what its price is, what was published, and why it is or is not proposed."""

    provider: str
    model_id: str
    kind: RowKind
    note: str
    fields: dict[str, tuple[Decimal | None, Decimal | None]]
    """Old and new price by key, where they differ."""

    @property
    def proposed(self) -> bool:
        """Whether the draft holds it."""
        return self.kind in {RowKind.CHANGED, RowKind.NEW}

    def as_dict(self) -> dict[str, Any]:
        """One row of ``peak prices refresh --json``."""
        return {
            "provider": self.provider,
            "model_id": self.model_id,
            "kind": self.kind.value,
            "note": self.note,
            "fields": {
                key: {"old": _text(old), "new": _text(new)} for key, (old, new) in self.fields.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Refresh:
    """A proposal: what the table would say, held against what it says."""

    target: Target
    standing: Standing
    text: str
    """The proposed text; that of the file where nothing changes."""
    rows: tuple[RefreshRow, ...]
    source: str
    on: date

    @property
    def changes(self) -> int:
        """How many rows the draft adds."""
        return sum(one.proposed for one in self.rows)

    def as_dict(self, draft: Draft | None) -> dict[str, Any]:
        """The shape of ``peak prices refresh --json``."""
        return {
            "source": self.source,
            "as_of": self.on.isoformat(),
            "changes": self.changes,
            "rows": [one.as_dict() for one in self.rows if one.kind is not RowKind.SAME],
            "same": sum(one.kind is RowKind.SAME for one in self.rows),
            "draft": draft.target if draft else None,
        }


def refresh(ws: Workspace, now: datetime, source: PriceSource | None = None) -> Refresh:
    """What the installed package's data say of every registered model. Contacts nobody, changes nothing.

    Raises ``EnvironmentUnfit`` (``extra_missing``) without the package, ``UsageWrong`` where the file is
    no TOML that can be changed.
    """
    source = source or GenaiPrices()
    on = now.astimezone(UTC).date()
    target = target_standing(ws, "prices")
    standing = read_standing(ws, target)
    text = standing.text or ""
    side = side_of(read_sources(ws.root), target, text, phase=rules_of(ws), today=on)
    rows = tuple(_row(side, entry, source, on) for entry in side.models)
    strays = tuple(_strays(side, source, on))
    changes = list(_changes(side, rows, source, on))
    proposed = apply_changes(text, changes, path=target.path) if changes else text
    return Refresh(target, standing, proposed, rows + strays, source.name, on)


def draft_of(ws: Workspace, found: Refresh, now: datetime, *, replace: bool = False) -> Draft | None:
    """Put the proposal into the editor; ``None`` where nothing changes. Raises as ``hand_over`` does."""
    if not found.changes:
        return None
    texts = {found.target: (found.standing, found.text)}
    return hand_over(ws, texts, origin=ORIGIN, now=now, replace=replace)[0]


def _row(side: Side, entry: ModelEntry, source: PriceSource, on: date) -> RefreshRow:
    known = side.prices.find(entry.provider, entry.model_id, on)
    told = source.find(entry.provider, entry.model_id, on, entry.context_tokens)
    name = (entry.provider, entry.model_id)
    if told is None:
        if known is None:
            return RefreshRow(*name, RowKind.UNKNOWN, "no price is known; its calls are refused", {})
        kind = RowKind.GONE if _of_package(known) else RowKind.KEPT
        return RefreshRow(*name, kind, f"{source.name} does not know it; the row of {known.source} stays", {})
    fields = _differences(known, told, hosted=bool(entry.hosted_tools))
    tiers = [start for start in told.tiers if start < entry.context_tokens]
    dearer = f"; input beyond {tiers[0]:,} tokens costs more, the dearer price is taken" if tiers else ""
    if known is None:
        return RefreshRow(*name, RowKind.NEW, f"registered without a price{dearer}", fields)
    if not fields:
        return RefreshRow(*name, RowKind.SAME, "", {})
    if not _of_package(known):
        return RefreshRow(*name, RowKind.KEPT, _why_kept(known, fields), fields)
    return RefreshRow(*name, RowKind.CHANGED, f"was {known.source} of {known.as_of}{dearer}", fields)


def _why_kept(known: Price, fields: dict[str, tuple[Decimal | None, Decimal | None]]) -> str:
    dearer = [key for key, (old, new) in fields.items() if new is not None and new > (old or 0)]
    if dearer:
        return f"{PACKAGE} asks for more in {', '.join(dearer)}: read {known.source} again; its price stays"
    return f"its source asks for more, and the higher price stands ({known.source})"


def _strays(side: Side, source: PriceSource, on: date) -> Iterator[RefreshRow]:
    """Priced models that nobody registered, and that the source does not know any more."""
    for provider, model_id in side.prices.rows:
        if side.models.find(provider, model_id) is None:
            known = side.prices.find(provider, model_id, on)
            if known is not None and source.find(provider, model_id, on, 1) is None:
                note = f"neither registered nor known to {source.name}; the row stays"
                yield RefreshRow(provider, model_id, RowKind.GONE, note, {})


def _differences(
    known: Price | None, told: Published, *, hosted: bool
) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    """Prices that differ. A cached price that nobody publishes counts as the input's."""
    found: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    for key in _PRICES:
        old = getattr(known, key) if known else None
        new = told.prices.get(key)
        if key == "request_usd":
            old, new = old or Decimal(0), new or Decimal(0)
        if key == "hosted_call_usd" and not hosted and old is None:
            continue
        if key == "hosted_call_usd" and new is None:
            continue  # the package does not price it everywhere
        if old != new:
            found[key] = (old, new)
    return found


def _changes(side: Side, rows: tuple[RefreshRow, ...], source: PriceSource, on: date) -> Iterator[Change]:
    """A row of its own for each new price, so that what was paid before keeps its price.

    A row that begins on this very day or later is changed in its place.
    """
    file = side.inspection.prices
    held = file.price if file else ()
    place = len(held)
    for row in (one for one in rows if one.proposed):
        entry = side.models.find(row.provider, row.model_id)
        told = source.find(row.provider, row.model_id, on, entry.context_tokens if entry else 1)
        if told is None:
            continue
        values = _values(row, told, source, on, hosted=entry is not None and bool(entry.hosted_tools))
        own = [
            index
            for index, one in enumerate(held)
            if (one.provider, one.model_id, one.valid_from) == (row.provider, row.model_id, on)
        ]
        if own:
            yield from (Change(("price", own[0], key), value) for key, value in values.items())
        else:
            yield Change(("price", place), values)
            place += 1


def _values(
    row: RefreshRow, told: Published, source: PriceSource, on: date, *, hosted: bool
) -> dict[str, Any]:
    """A row as the file writes it."""
    kept = [key for key in told.prices if key != "hosted_call_usd" or hosted]
    order = (
        "input_usd_per_mtok",
        "cache_read_usd_per_mtok",
        "cache_write_usd_per_mtok",
        "output_usd_per_mtok",
    )
    named = [key for key in (*order, "request_usd", "hosted_call_usd") if key in kept]
    return {
        "provider": row.provider,
        "model_id": row.model_id,
        **{key: told.prices[key] for key in named},
        "source": source.name,
        "as_of": on,
        "valid_from": on,
    }


def _of_package(price: Price) -> bool:
    return price.source.startswith(PACKAGE)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
