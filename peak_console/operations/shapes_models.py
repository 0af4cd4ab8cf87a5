"""What commands on models, prices and imports print as JSON."""

from typing import Literal

from pydantic import BaseModel, Field

from peak_console.operations.shape import Shape as _Shape


class ModelPriceShape(_Shape):
    """A price of today; amounts in USD are text."""

    input_usd_per_mtok: str
    output_usd_per_mtok: str
    cache_read_usd_per_mtok: str | None
    request_usd: str
    hosted_call_usd: str | None
    source: str
    as_of: str
    valid_from: str


class ModelShape(_Shape):
    """What is known of one model; null and empty where nobody has said it.

    ``standing`` is what the lock says of it in each of its slots: ``verified``, ``attested``, ``unverified``,
    ``changed``, ``expired``, ``unsound`` or ``no_lock``; ``verified_in`` are those with ``verified``.
    """

    provider: str
    model_id: str
    status: Literal["allowed", "retiring", "shut down", "refused", "denied", "not registered"]
    why: str
    family: str
    endpoint: str
    context_tokens: int | None
    max_output_tokens: int | None
    modalities: list[str]
    price: ModelPriceShape | None
    retires: str | None
    days_left: int | None
    successor: str
    used_in: list[str]
    verified_in: list[str]
    standing: dict[str, str]
    calls: int = Field(ge=0)
    p50_ms: float | None
    p95_ms: float | None
    span: str


class ModelsShape(_Shape):
    """``peak models list`` and ``peak models show``."""

    models: list[ModelShape]


class PriceChangeShape(_Shape):
    """A price before and after, USD as text; null where there is none."""

    old: str | None
    new: str | None


class PriceRowShape(_Shape):
    """What becomes of one model's price; ``changed`` and ``new`` are in the draft."""

    provider: str
    model_id: str
    kind: Literal["changed", "new", "gone", "kept", "unknown"]
    note: str
    fields: dict[str, PriceChangeShape]


class PricesRefreshShape(_Shape):
    """``peak prices refresh``; ``draft`` names the config whose draft was made."""

    source: str
    as_of: str
    changes: int = Field(ge=0)
    rows: list[PriceRowShape]
    same: int = Field(ge=0)
    draft: str | None


class MappedShape(_Shape):
    """Something taken over: where it stood, where it stands now, and as what."""

    source: str
    config: str
    key: str
    value: str


class LostShape(_Shape):
    """Something not taken over, and why; ``refused`` where policy forbids it."""

    source: str
    value: str
    why: str
    refused: bool


class ConflictShape(_Shape):
    """Something that stands here already as something else; ``taken`` says which of both the draft holds."""

    source: str
    config: str
    key: str
    ours: str
    theirs: str
    taken: Literal["ours", "theirs"]
    why: str


class ImportShape(_Shape):
    """``peak import registry``; ``drafts`` names the configs whose drafts were made."""

    file: str
    format: Literal["registry", "litellm", "promptfoo"]
    mapped: list[MappedShape]
    lost: list[LostShape]
    conflicts: list[ConflictShape]
    drafts: list[str]


MODEL_SHAPES: dict[str, type[BaseModel]] = {
    "import-registry": ImportShape,
    "models-list": ModelsShape,
    "models-show": ModelsShape,
    "prices-refresh": PricesRefreshShape,
}
"""Their shapes by the names ``peak schema`` knows."""
