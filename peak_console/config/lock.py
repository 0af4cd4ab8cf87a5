"""The lock of verified models: which models may work from shadow on, frozen with what was known of them.

The file is TOML. Its digest is the SHA-256 of its bytes; its signature is an operator's over the canonical
JSON of everything else in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from peak_console.config.schema import ConfigModel, FreeText, Listed, Name, TupleOfNames, Usd
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
    cache_read_usd_per_mtok: Usd | None = Field(default=None, description="Input read from the cache.")
    output_usd_per_mtok: Usd = Field(description="Output.")
    source: FreeText = Field(description="Where it was read.")


class Baseline(ConfigModel):
    """What the ledger held of the model in this slot when the lock was written: counts, not rates."""

    since: datetime | None = Field(default=None, description="First moment counted, UTC.")
    until: datetime | None = Field(default=None, description="Last moment counted, UTC.")
    calls: Count = Field(default=0, description="Hops sent.")
    failed: Count = Field(default=0, description="Of them, failed.")
    timed_out: Count = Field(default=0, description="Of them, out of time.")
    retried: Count = Field(default=0, description="Of them, with more than one attempt.")
    fallback_used: Count = Field(default=0, description="Calls that a fallback answered.")
    refused: Count = Field(default=0, description="Answers that the model refused to give.")
    format_failed: Count = Field(default=0, description="Answers of a wrong shape.")
    judged: Count = Field(default=0, description="Answers that a critic judged.")
    critic_failed: Count = Field(default=0, description="Of them, FAIL.")
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
    at: datetime = Field(description="When, UTC.")
    reason: FreeText = Field(default="", description="In the operator's words.")
    digest: Digest | None = Field(default=None, description="SHA-256 of the eval's report.")
    score: Annotated[str, Field(pattern=r"^[01](\.[0-9]{1,6})?$")] | None = Field(
        default=None, description="The eval's score, 0 to 1."
    )


class LockEntry(ConfigModel):
    """One model in one slot."""

    layer: Annotated[Layer, Field(strict=False)] = Field(description="The layer.")
    role: Annotated[Role, Field(strict=False)] = Field(description="The slot: primary, fallback or critic.")
    provider: Name = Field(description="The provider.")
    model_id: Name = Field(description="The model as the matrix names it.")
    registry_sha256: Digest = Field(description="SHA-256 over the canonical JSON of its registry entry.")
    snapshots: TupleOfNames = Field(
        default=(), description="Names under which the model answered: dated snapshots of an alias."
    )
    price: LockedPrice = Field(description="Its price.")
    baseline: Baseline = Field(default=Baseline(), description="What was known of it.")
    samples: Annotated[tuple[StoredSample, ...], Listed] = Field(default=(), description="Stored samples.")
    canaries: Annotated[tuple[Digest, ...], Listed] = Field(
        default=(), description="Digests of canary cases."
    )
    evidence: LockEvidence = Field(description="What it stands on.")


class LockHead(ConfigModel):
    """When and by whom a lock was written, for which files, and until when it holds."""

    format: Annotated[int, Field(ge=1, le=FORMAT)] = Field(description="The format's number.")
    created_at: datetime = Field(description="When it was written, UTC.")
    expires_at: datetime = Field(description="From then on it counts as absent, UTC.")
    signer: Name = Field(description="The operator who signed.")
    reason: FreeText = Field(description="Why it was written.")
    matrix_sha256: Digest = Field(description="The matrix it was written for.")
    previous: Digest | None = Field(default=None, description="The lock before it, by digest.")


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


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock as read; ``sound`` says whether its signature holds under the key it names in configs/keys."""

    file: LockFile
    digest: str
    sound: bool
    entries: Mapping[tuple[Layer, Role, str, str], LockEntry]

    @classmethod
    def of(cls, file: LockFile, digest: str, *, sound: bool) -> "Lock":
        """The lock that a file holds."""
        found = {(one.layer, one.role, one.provider, one.model_id): one for one in file.entry}
        return cls(file, digest, sound, MappingProxyType(found))

    def find(self, layer: Layer, role: Role, provider: str, model_id: str) -> LockEntry | None:
        """The entry of a model in a slot; ``None`` where the lock does not know it there."""
        return self.entries.get((layer, role, provider, model_id))
