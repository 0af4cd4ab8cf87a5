"""The lock of verified models: which models may work from shadow on, frozen with what was known of them.

The file is TOML. Its digest is the SHA-256 of its bytes; its signature is an operator's over the canonical
JSON of everything else in it (:mod:`peak_console.config.lock_text`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, model_validator

from peak_console.config.matrix import BaseUrl
from peak_console.config.registry import ModelEntry
from peak_console.config.schema import ConfigModel, FreeText, Listed, Name, Tokens, TupleOfNames, Usd
from peak_console.domain.canonical import digest
from peak_console.domain.vocabulary import Layer, Role

FORMAT: Final = 1

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=10**12)]
Rate = Annotated[int, Field(ge=0, le=86_400_000)]


class EvidenceKind(StrEnum):
    """What an entry stands on. ``attested`` is enough for shadow only (decision 17)."""

    EVAL = "eval"
    ATTESTED = "attested"


class LockedPrice(ConfigModel):
    """The price when the lock was written, USD for a million tokens."""

    input_usd_per_mtok: Usd = Field(description="Input.")
    output_usd_per_mtok: Usd = Field(description="Output, reasoning included.")
    cache_read_usd_per_mtok: Usd | None = Field(default=None, description="Input read from the cache.")
    cache_write_usd_per_mtok: Usd | None = Field(default=None, description="Input written to the cache.")
    request_usd: Usd = Field(default=Decimal(0), description="USD for each request, besides its tokens.")
    hosted_call_usd: Usd | None = Field(
        default=None, description="USD for one run of a tool that the provider runs."
    )
    source: FreeText = Field(description="Where it was read.")


class LockedPlace(ConfigModel):
    """Where a model is called: an answer tells what it likes of who gave it, the address does not."""

    base_url: BaseUrl | None = Field(
        default=None, description="The slot's `base_url`; absent: the provider's own address."
    )
    deployment: Name | None = Field(default=None, description="The slot's `deployment`, where it names one.")

    @property
    def words(self) -> str:
        """As people read it: ``the provider's own address``, ``https://…, deployment x``."""
        address = self.base_url or "the provider's own address"
        return f"{address}, deployment {self.deployment}" if self.deployment else address


class LockedRegistry(ConfigModel):
    """What the registry said of the model, as far as people compare it; the digest holds all of it."""

    family: Name = Field(description="The model's family.")
    endpoint: Name = Field(description="The interface it answers on.")
    context_tokens: Tokens = Field(description="Most input and output tokens of one call together.")
    max_output_tokens: Tokens = Field(description="Most output tokens.")


class Baseline(ConfigModel):
    """What the ledger held of the model in this slot when the lock was written: counts, not rates."""

    since: AwareDatetime | None = Field(default=None, description="First moment counted, UTC.")
    until: AwareDatetime | None = Field(default=None, description="Last moment counted, UTC.")
    calls: Count = Field(default=0, description="Hops that ended, the newest of the window.")
    failed: Count = Field(default=0, description="Of them, failed.")
    timed_out: Count = Field(default=0, description="Of them, out of time.")
    retried: Count = Field(default=0, description="Of them, with more than one attempt.")
    fallback_used: Count = Field(default=0, description="Of them, followed by a fallback.")
    refused: Count = Field(default=0, description="Of them, answers that the model refused to give.")
    format_failed: Count = Field(default=0, description="Of them, answers of a wrong shape.")
    judged: Count = Field(default=0, description="Of them, answers that a critic judged.")
    critic_failed: Count = Field(default=0, description="Of the judged, FAIL.")
    latency_p95_ms: Rate | None = Field(default=None, description="p95 of answered calls.")
    cost_p95_nano_eur: Count | None = Field(default=None, description="p95 of a call's cost, nano-EUR.")
    output_tokens_p1: Count | None = Field(default=None, description="1st percentile of output tokens.")
    output_tokens_p99: Count | None = Field(default=None, description="99th percentile of output tokens.")


class StoredSample(ConfigModel):
    """One answered call kept as a sample, by hash; its texts stand in its run."""

    run_id: Name = Field(description="The run.")
    request_hash: Digest = Field(description="SHA-256 of what was asked.")
    answer_sha256: Digest = Field(description="SHA-256 of what was answered.")


class LockEvidence(ConfigModel):
    """Why the model is held to be fit for the slot."""

    kind: Annotated[EvidenceKind, Field(strict=False)] = Field(description="`eval` or `attested`.")
    by: Name = Field(description="The operator who attests, or who ran the eval.")
    at: AwareDatetime = Field(description="When, UTC.")
    reason: FreeText = Field(default="", description="In the operator's words.")
    digest: Digest | None = Field(default=None, description="SHA-256 of the eval's report.")
    score: Annotated[str, Field(pattern=r"^[01](\.[0-9]{1,6})?$")] | None = Field(
        default=None, description="The eval's score, 0 to 1."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        """An eval without the digest of its report is none."""
        if self.kind is EvidenceKind.EVAL and self.digest is None:
            raise ValueError("evidence of kind eval needs the digest of its report")
        return self


class LockEntry(ConfigModel):
    """One model in one slot."""

    layer: Annotated[Layer, Field(strict=False)] = Field(description="The layer.")
    role: Annotated[Role, Field(strict=False)] = Field(description="The slot: primary, fallback or critic.")
    provider: Name = Field(description="The provider.")
    model_id: Name = Field(description="The model as the matrix names it.")
    registry_sha256: Digest = Field(
        description="SHA-256 over the canonical JSON of its registry entry, lifecycle and defaults left out."
    )
    snapshots: TupleOfNames = Field(
        default=(),
        description="Names under which it answered: dated snapshots of an alias. From shadow on it must "
        "answer under its own id or one of these.",
    )
    fingerprints: TupleOfNames = Field(
        default=(),
        description="Fingerprints under which it answered, learnt in research. One outside a set that rests "
        "on enough answers is drift; with none learnt there is nothing to hold against another.",
    )
    fingerprint_answers: Count = Field(
        default=0, description="Answers that the set of fingerprints rests on."
    )
    registry: LockedRegistry = Field(description="What the registry said of it.")
    price: LockedPrice = Field(description="Its price.")
    baseline: Baseline = Field(default=Baseline(), description="What was known of it.")
    places: Annotated[tuple[LockedPlace, ...], Listed] = Field(
        default=(LockedPlace(),),
        description="Where it was verified: addresses and deployments under which the slot may call it. "
        "Absent: the provider's own address, without a deployment.",
    )
    samples: Annotated[tuple[StoredSample, ...], Listed] = Field(default=(), description="Stored samples.")
    canaries: Annotated[tuple[Digest, ...], Listed] = Field(
        default=(), description="Digests of canary cases."
    )
    evidence: LockEvidence = Field(description="What it stands on.")

    @property
    def key(self) -> "LockKey":
        """Which model in which slot."""
        return self.layer, self.role, self.provider, self.model_id

    @property
    def name(self) -> str:
        """The entry as people name it: ``L2.primary openai:gpt-6-luna``."""
        return f"{self.layer}.{self.role} {self.provider}:{self.model_id}"

    def answers_as(self, echo: str) -> bool:
        """Whether ``echo``, the name in a response, is the model's own id or a snapshot that was verified."""
        return echo == self.model_id or echo in self.snapshots


LockKey = tuple[Layer, Role, str, str]
"""Layer, slot, provider and model id."""


class LockHead(ConfigModel):
    """When and by whom a lock was written, for which files, and until when it holds."""

    format: Annotated[int, Field(ge=1, le=FORMAT)] = Field(description="The format's number.")
    created_at: AwareDatetime = Field(description="When it was written, UTC.")
    expires_at: AwareDatetime = Field(description="From then on it counts as absent, UTC.")
    signer: Name = Field(description="The operator who signed.")
    reason: FreeText = Field(description="Why it was written.")
    matrix_sha256: Digest = Field(description="The matrix it was written for.")
    previous: Digest | None = Field(default=None, description="The lock before it, by digest.")
    workspace: Digest | None = Field(
        default=None,
        description="The workspace it was written in: SHA-256 of the key in `configs/keys/workspace.pub`.",
    )


class LockSignature(ConfigModel):
    """An operator's signature."""

    key: FreeText = Field(description="The signer's public key, an OpenSSH line without comment.")
    value: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")] = Field(
        description="Ed25519 over the canonical JSON of the lock without this table, hexadecimal."
    )


class LockFile(ConfigModel):
    """The shape of `configs/ai/verified_models.lock`."""

    lock: LockHead = Field(description="The lock as a whole.")
    entry: Annotated[tuple[LockEntry, ...], Listed] = Field(default=(), description="The models.")
    signature: LockSignature | None = Field(default=None, description="The signature.")


class LockFlaw(StrEnum):
    """Why a lock is not sound, whatever the time is. The last three only the ledger can tell."""

    MALFORMED = "malformed"
    UNSIGNED = "unsigned"
    SIGNER_UNKNOWN = "signer_unknown"
    SIGNER_KEY_UNREADABLE = "signer_key_unreadable"
    FOREIGN_KEY = "foreign_key"
    ALTERED = "altered"
    FOREIGN_WORKSPACE = "foreign_workspace"
    SIGNER_NOT_ENROLLED = "signer_not_enrolled"
    SIGNER_OTHER_KEY = "signer_other_key"
    NOT_CURRENT = "not_current"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock as read, with what is wrong with it; ``file`` is ``None`` where it is no lock at all."""

    file: LockFile | None
    digest: str
    """SHA-256 of the file's bytes."""
    flaw: LockFlaw | None
    entries: Mapping[LockKey, LockEntry]

    @classmethod
    def of(cls, file: LockFile | None, digest: str, flaw: LockFlaw | None) -> "Lock":
        """The lock that a file holds; the first of two entries of a slot's model counts."""
        found: dict[LockKey, LockEntry] = {}
        for one in file.entry if file else ():
            found.setdefault(one.key, one)
        return cls(file, digest, flaw, MappingProxyType(found))

    @property
    def sound(self) -> bool:
        """Whether its form is right and its signature holds under the key in ``configs/keys``."""
        return self.flaw is None and self.file is not None

    @property
    def signer(self) -> str:
        """Who it says has signed it; empty where it is no lock."""
        return self.file.lock.signer if self.file else ""

    @property
    def expires_at(self) -> datetime | None:
        """From when on it counts as absent."""
        return self.file.lock.expires_at if self.file else None

    def find(self, layer: Layer, role: Role, provider: str, model_id: str) -> LockEntry | None:
        """The entry of a model in a slot; ``None`` where the lock does not know it there."""
        return self.entries.get((layer, role, provider, model_id))


def registry_digest(model: ModelEntry) -> str:
    """What :attr:`LockEntry.registry_sha256` holds of a registry entry.

    Without its lifecycle: a provider that announces an end changes nothing of what was verified. Without
    values that are defaults, so that a version that knows further keys reads the same entry.
    """
    return digest(model.model_dump(mode="json", exclude={"lifecycle"}, exclude_defaults=True))
