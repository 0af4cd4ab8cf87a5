"""The lock as text, and its signature."""

import string
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from support.locks import KEY, NOW, lock_file, locked, write_lock

from peak_console.config.document import parse_document
from peak_console.config.load import ConfigCache, load_configs
from peak_console.config.lock import (
    EvidenceKind,
    Lock,
    LockedPlace,
    LockEntry,
    LockFile,
    LockFlaw,
    registry_digest,
)
from peak_console.config.lock_text import lock_text
from peak_console.config.verifying import (
    Standing,
    by_ledger,
    judged,
    standing,
    suffices,
    trouble_of,
    workspace_digest,
)
from peak_console.control.keys import KeySigner, openssh
from peak_console.domain.clock import ManualClock
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.operations.locking.signing import signed_text

LOCK = "configs/ai/verified_models.lock"
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = openssh(KEY.public_key())
SLOT = (Layer.L2, Role.PRIMARY, "openai", "alpha-1")

NAMES = st.text(string.ascii_letters + string.digits + "._:/-'\"\\", min_size=1, max_size=12)
WORDS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)
MONEY = st.decimals(0, 1000, places=9, allow_nan=False, allow_infinity=False)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
COUNTS = st.integers(0, 10**9)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """Any entry, as a file's data would have it."""
    kind = draw(st.sampled_from(EvidenceKind))
    return {
        "layer": draw(st.sampled_from([one.value for one in Layer])),
        "role": draw(st.sampled_from([one.value for one in Role])),
        "provider": draw(NAMES),
        "model_id": draw(NAMES),
        "registry_sha256": draw(DIGESTS),
        "snapshots": draw(st.lists(NAMES, max_size=2)),
        "registry": {
            "family": draw(NAMES),
            "endpoint": "chat",
            "context_tokens": draw(st.integers(1, 10**8)),
            "max_output_tokens": 1,
        },
        "price": {
            "input_usd_per_mtok": draw(MONEY),
            "output_usd_per_mtok": draw(MONEY),
            "request_usd": draw(MONEY),
            "source": draw(WORDS),
        },
        "baseline": {"since": draw(TIMES), "calls": draw(COUNTS), "judged": draw(COUNTS)},
        "places": draw(
            st.lists(
                st.fixed_dictionaries(
                    {}, optional={"base_url": st.just("https://a.example/v1"), "deployment": NAMES}
                ),
                max_size=3,
            )
        ),
        "samples": [{"run_id": draw(NAMES), "request_hash": draw(DIGESTS), "answer_sha256": draw(DIGESTS)}],
        "canaries": draw(st.lists(DIGESTS, max_size=2)),
        "evidence": {
            "kind": kind.value,
            "by": draw(NAMES),
            "at": draw(TIMES),
            "reason": draw(WORDS),
            **({"digest": draw(DIGESTS)} if kind is EvidenceKind.EVAL else {}),
        },
    }


@st.composite
def files_of_locks(draw: st.DrawFn) -> LockFile:
    """Any lock."""
    at = draw(TIMES)
    head = {
        "format": 1,
        "created_at": at,
        "expires_at": at + timedelta(days=draw(st.integers(1, 300))),
        "signer": "anna",
        "reason": draw(WORDS),
        "matrix_sha256": draw(DIGESTS),
    }
    return LockFile.model_validate({"lock": head, "entry": draw(st.lists(entries(), max_size=3))})


@settings(max_examples=40, deadline=None)
@given(files_of_locks())
def test_a_lock_written_is_read_back_as_it_was(file: LockFile) -> None:
    """Whatever it says; the signature holds over what was read; written again it is the same text."""
    text = signed_text(file, PUBLIC, KeySigner(KEY))
    read = LockFile.model_validate(tomllib.loads(text, parse_float=Decimal))
    assert read.model_copy(update={"signature": None}) == file
    assert lock_text(read) == text
    lock = judged(parse_document(text.encode(), LOCK), {"anna": f"{PUBLIC} anna@desk"})
    assert lock is not None
    assert lock.sound


def data_of(files: Any, **changes: Any) -> bytes:
    """A signed lock of a workspace."""
    configs = load_configs(files.ws, today=NOW.date())
    return write_lock(files.root, lock_file(configs, **changes)).encode()


def flaw_of(data: bytes, keys: dict[str, str] | None = None) -> LockFlaw | None:
    """What is wrong with these bytes."""
    lock = judged(parse_document(data, LOCK), {"anna": PUBLIC} if keys is None else keys)
    assert lock is not None
    return lock.flaw


@pytest.mark.parametrize(
    ("spoil", "flaw"),
    [
        (lambda text: text.replace("output_usd_per_mtok = 2.0", "output_usd_per_mtok = 1.0", 1), "altered"),
        (lambda text: text.replace('role = "primary"', 'role = "fallback"', 1), "altered"),
        (lambda text: text.replace("2026-12-22T12", "2036-12-22T12"), "altered"),
        (lambda text: text + "\n[[lock.more]]\nx = 1\n", "malformed"),
        (lambda text: text.partition("[signature]")[0], "unsigned"),
        (lambda text: text.replace("[lock]", "[lok]"), "malformed"),
        (lambda text: text.replace("2026-12-22T12", "2026-11-22T11"), "malformed"),
        (lambda text: text.replace('kind = "eval"', 'kind = "vibes"', 1), "malformed"),
        (lambda text: "= [" + text, "malformed"),
        (lambda text: text.replace("# The lock", "# A lock"), None),
    ],
)
def test_a_byte_that_was_edited_is_told(files: Any, spoil: Callable[[str], str], flaw: str | None) -> None:
    """Nothing of what is signed can be another; a comment is not signed, and changes the digest only."""
    text = data_of(files).decode()
    changed = spoil(text)
    assert changed != text
    assert flaw_of(changed.encode()) == flaw


def test_whose_key_it_is_matters(files: Any) -> None:
    """A signer without a key, with another, with one that is none; a foreign signature under the name."""
    data = data_of(files)
    assert flaw_of(data) is None
    assert flaw_of(data, {}) is LockFlaw.SIGNER_UNKNOWN
    assert flaw_of(data, {"anna": openssh(OTHER.public_key())}) is LockFlaw.FOREIGN_KEY
    assert flaw_of(data, {"anna": "gibberish"}) is LockFlaw.SIGNER_KEY_UNREADABLE
    configs = load_configs(files.ws, today=NOW.date())
    forged = signed_text(lock_file(configs), PUBLIC, KeySigner(OTHER))
    assert flaw_of(forged.encode()) is LockFlaw.ALTERED


def test_a_lock_of_another_workspace_is_none_here(files: Any) -> None:
    """Whoever is enrolled in both signed for one of them; the workspace's key says which."""
    data = data_of(files, workspace=workspace_digest({"workspace": PUBLIC}))
    other = openssh(OTHER.public_key())
    assert flaw_of(data, {"anna": PUBLIC, "workspace": f"{PUBLIC} workspace"}) is None
    assert flaw_of(data, {"anna": PUBLIC, "workspace": other}) is LockFlaw.FOREIGN_WORKSPACE
    assert flaw_of(data, {"anna": PUBLIC}) is LockFlaw.FOREIGN_WORKSPACE


def test_what_the_ledger_has_against_a_lock(files: Any) -> None:
    """Its signer, then that another is the newest; what files say against it comes first."""
    lock = Lock.of(judged_file(data_of(files)), "d" * 64, None)
    here, other = {"anna": PUBLIC}, openssh(OTHER.public_key())
    for operators, current, flaw in (
        (here, "d" * 64, None),
        ({}, "d" * 64, LockFlaw.SIGNER_NOT_ENROLLED),
        ({"anna": other}, "d" * 64, LockFlaw.SIGNER_OTHER_KEY),
        (here, "e" * 64, LockFlaw.NOT_CURRENT),
        (here, None, LockFlaw.NOT_CURRENT),
    ):
        found = by_ledger(lock, operators, current)
        assert found is not None
        assert found.flaw is flaw
    altered = Lock.of(lock.file, lock.digest, LockFlaw.ALTERED)
    assert by_ledger(altered, {}, None) is altered
    assert by_ledger(None, here, "d" * 64) is None


def judged_file(data: bytes) -> LockFile:
    """The lock in these bytes."""
    lock = judged(parse_document(data, LOCK), {"anna": PUBLIC})
    assert lock is not None
    assert lock.file is not None
    return lock.file


def test_every_flaw_and_every_moment_has_words_of_its_own(files: Any) -> None:
    """What is wrong, and what to do; by the moment it may be yet to come, or over."""
    file = lock_file(load_configs(files.ws, today=NOW.date()))
    said = [trouble_of(Lock.of(file, "d" * 64, flaw), NOW) for flaw in LockFlaw]
    sound = Lock.of(file, "d" * 64, None)
    said += [trouble_of(sound, NOW - timedelta(days=1)), trouble_of(sound, NOW + timedelta(days=30))]
    assert len({one.message for one in said if one}) == len(LockFlaw) + 2
    assert all(one is not None and one.remedy and "{" not in one.message + one.remedy for one in said)
    assert trouble_of(sound, NOW - timedelta(minutes=4)) is None
    assert trouble_of(sound, NOW + timedelta(days=30, microseconds=-1)) is None


def test_what_a_lock_says_of_a_model(files: Any) -> None:
    """Verified, attested, or not: by entry, registry entry, price, soundness and end."""
    configs = load_configs(files.ws, today=NOW.date())
    model, price = (
        configs.models.find("openai", "alpha-1"),
        configs.prices.find("openai", "alpha-1", NOW.date()),
    )
    assert model is not None
    assert price is not None
    lock = locked(configs).lock
    assert lock is not None

    def found(lock: Lock | None = lock, **changes: Any) -> Standing:
        asked = {
            "key": SLOT,
            "model": model,
            "price": price,
            "now": NOW,
            "places": (LockedPlace(),),
        } | changes
        return standing(
            lock, asked["key"], asked["model"], asked["price"], asked["now"], places=asked["places"]
        )

    assert found() is Standing.VERIFIED
    assert found(locked(configs, "attested").lock) is Standing.ATTESTED
    assert found(None) is Standing.NO_LOCK
    assert found(key=(Layer.L0, Role.CRITIC, "openai", "alpha-1")) is Standing.UNVERIFIED
    assert found(now=NOW + timedelta(days=31)) is Standing.EXPIRED
    assert found(Lock.of(lock.file, lock.digest, LockFlaw.ALTERED)) is Standing.UNSOUND
    assert found(model=model.model_copy(update={"max_output_tokens": 9000})) is Standing.CHANGED
    assert found(model=None) is Standing.CHANGED
    assert found(price=replace(price, output_usd_per_mtok=Decimal("2.01"))) is Standing.CHANGED
    assert found(price=replace(price, request_usd=Decimal("0.01"))) is Standing.CHANGED
    assert found(price=replace(price, source="read elsewhere")) is Standing.VERIFIED
    away, deployed = LockedPlace(base_url="https://evil.example"), LockedPlace(deployment="other")
    assert found(places=(away,)) is Standing.CHANGED
    assert found(places=(deployed,)) is Standing.CHANGED
    assert found(places=(LockedPlace(), away)) is Standing.CHANGED
    assert found(Lock.of(lock.file, lock.digest, LockFlaw.NOT_CURRENT)) is Standing.UNRECORDED


def test_an_announced_end_changes_nothing_of_what_was_verified(files: Any) -> None:
    """Whoever notes a lifecycle in the registry takes no verification away."""
    text = files.read("configs/ai/models.toml")
    model = load_configs(files.ws, today=NOW.date()).models.find("openai", "alpha-1")
    ended = 'family = "alpha"\nlifecycle = { shutdown = 2030-01-01, source = "x" }\n'
    files.write("configs/ai/models.toml", text.replace('family = "alpha"\n', ended, 1))
    later = load_configs(files.ws, today=NOW.date()).models.find("openai", "alpha-1")
    assert model is not None
    assert later is not None
    assert later.lifecycle is not None
    assert registry_digest(model) == registry_digest(later)


@pytest.mark.parametrize(
    ("phase", "enough"),
    [
        (PhaseLevel.RESEARCH, set(Standing)),
        (PhaseLevel.SHADOW, {Standing.VERIFIED, Standing.ATTESTED}),
        (PhaseLevel.TESTNET, {Standing.VERIFIED}),
        (PhaseLevel.LIVE, {Standing.VERIFIED}),
    ],
)
def test_what_is_enough_in_which_phase(phase: PhaseLevel, enough: set[Standing]) -> None:
    """Decision 17: advisory in research, an operator's word for shadow only."""
    assert {one for one in Standing if suffices(one, phase)} == enough


def test_evidence_of_an_eval_names_its_report(files: Any) -> None:
    """Without the digest of a report there is no eval."""
    entry = lock_file(load_configs(files.ws, today=NOW.date())).entry[0]
    bare = entry.model_dump(exclude={"evidence": {"digest"}})
    with pytest.raises(ValueError, match="digest"):
        LockEntry.model_validate(bare)


def test_a_bad_lock_keeps_nobody_from_research(files: Any) -> None:
    """What is wrong with it, lint says; the configs load, and the lock is not sound."""
    for data in (b"= [", b"[lock]\nformat = 1\n", data_of(files).replace(b"eval", b"evil")):
        files.write(LOCK, data)
        lock = load_configs(files.ws, today=NOW.date()).lock
        assert lock is not None
        assert lock.flaw is LockFlaw.MALFORMED


def test_a_running_process_sees_a_signer_go(files: Any, tmp_path: Path) -> None:
    """The lock counts while its signer's key stands; without a lock no key is read."""
    data_of(files)
    clock = ManualClock(NOW)
    cache = ConfigCache(files.ws, clock=clock)
    lock = cache.current().lock
    assert lock is not None
    assert lock.sound
    (files.root / "configs/keys/anna.pub").unlink()
    lock = ConfigCache(files.ws, clock=clock).current().lock
    assert lock is not None
    assert lock.flaw is LockFlaw.SIGNER_UNKNOWN
    (files.root / LOCK).unlink()
    assert cache.current().lock is None
