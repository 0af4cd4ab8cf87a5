"""The lease: nothing but the exact bytes that a node of this boot wrote within five seconds permits."""

import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from control_folder import BOOT, Folder
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.control import lease as leases
from peak_console.control.files import LEASE, SIZE_LIMIT
from peak_console.domain.arming import CLOCK_STEP_US, ArmEnd, ArmLease
from peak_console.domain.posture import Orders, PostureReason, PostureState


def test_a_lease_reads_back_as_it_was_written(folder: Folder) -> None:
    """Every field survives, and the file is well below its limit."""
    lease = folder.lease(digests={"matrix": "a" * 64}, conflicts=("x",), stopped_scopes=("layer:L1",))
    data = leases.encode(lease)
    assert leases.decode(data) == lease
    assert len(data) < SIZE_LIMIT


def test_a_lease_names_open_breakers(folder: Folder) -> None:
    """They survive, and whoever holds the gate reads them; 24 with ordinary names fit the file."""
    named = tuple(
        leases.BreakerOpen("mistral", f"model-{number:02d}-2026-11-22", 1_800_000_000_000_000 + number)
        for number in range(leases.BREAKERS_LISTED)
    )
    folder.renew(breakers=named)
    lease = folder.gate().lease()
    assert lease is not None
    assert lease.breakers == named
    assert folder.gate().posture().calls


def test_a_lease_of_before_the_field_is_read(folder: Folder) -> None:
    """An older node's lease names no breakers; what it permits it permits."""
    fields = json.loads(leases.encode(folder.lease()))
    del fields["breakers"], fields["checksum"]
    whole = {**fields, "checksum": leases._checksum(fields)}
    lease = leases.decode(leases._canonical(whole))
    assert lease == folder.lease()


@pytest.mark.parametrize(
    "breaker",
    [
        {},
        {"provider": "p", "model_id": "m"},
        {"provider": 1, "model_id": "m", "until_us": 1},
        "x",
        None,
        {"provider": "p", "model_id": "m", "until_us": 1.5},
        {"provider": "p", "model_id": "m", "until_us": True},
    ],
)
def test_a_breaker_that_is_none_spoils_the_lease(folder: Folder, breaker: object) -> None:
    """Also with a right checksum: what cannot be read whole is not believed in part."""
    fields = json.loads(leases.encode(folder.lease()))
    del fields["checksum"]
    fields["breakers"] = [breaker]
    whole = {**fields, "checksum": leases._checksum(fields)}
    assert leases.decode(leases._canonical(whole)) is None


def test_a_lease_that_is_too_large_is_not_written(folder: Folder) -> None:
    """A lease never grows over what a client reads."""
    with pytest.raises(leases.LeaseTooLarge):
        leases.encode(folder.lease(conflicts=("x" * 5000,)))


@settings(deadline=None)  # the machine of a test run is shared
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_an_object_with_a_right_checksum_but_a_wrong_shape_is_refused(fields: dict[str, object]) -> None:
    """A checksum alone makes no lease."""
    rest = {name: value for name, value in fields.items() if name != "checksum"}
    data = leases._canonical({**rest, "checksum": leases._checksum(rest)})
    assert leases.decode(data) is None


def test_a_wrong_type_under_a_right_checksum_is_refused(folder: Folder) -> None:
    """``calls: 1`` is not ``calls: true``."""
    fields = json.loads(leases.encode(folder.lease()))
    del fields["checksum"]
    for name, value in (("calls", 1), ("issued_us", "5"), ("state", "OPEN"), ("orders", "some")):
        wrong = {**fields, name: value}
        data = leases._canonical({**wrong, "checksum": leases._checksum(wrong)})
        assert leases.decode(data) is None, name


@settings(deadline=None)  # the machine of a test run is shared
@given(
    issued=st.integers(0, 10**13),
    life=st.integers(-10, 20_000_000),
    now=st.integers(0, 10**13),
)
def test_a_lease_counts_exactly_within_its_life(issued: int, life: int, now: int) -> None:
    """It counts if and only if issued ≤ now ≤ expiry and the life is at most five seconds."""
    lease = leases.Lease(
        boot_id=BOOT,
        session="s",
        generation=1,
        issued_us=issued,
        expires_us=issued + life,
        phase="live",
        calls=True,
        orders=Orders.NONE,
        state=PostureState.DISARMED,
        reasons=(),
        enabled="ev_1",
        seq=1,
    )
    counts = leases.invalid(lease, now_us=now, boot_id=BOOT) is None
    assert counts == (0 <= life <= leases.LIFETIME_US and issued <= now <= issued + life)


def test_reasons_name_what_is_wrong(folder: Folder) -> None:
    """Future, foreign and lapsed are told apart."""
    now = folder.clock.boot_us()
    reason = leases.invalid
    assert reason(folder.lease(), now_us=now - 1, boot_id=BOOT) is PostureReason.LEASE_FUTURE
    assert reason(folder.lease(), now_us=now, boot_id="other") is PostureReason.LEASE_FOREIGN_BOOT
    assert reason(folder.lease(), now_us=now + 5_000_001, boot_id=BOOT) is PostureReason.LAPSED


def test_a_write_that_fails_leaves_the_old_lease(folder: Folder, tmp_path: Path) -> None:
    """A lease is replaced whole or not at all."""
    before = (folder.path / LEASE).read_bytes()
    (folder.path / ".lease.new").mkdir()
    with pytest.raises(OSError, match="director"):
        folder.renew(seq=8)
    assert (folder.path / LEASE).read_bytes() == before


ARM = ArmLease("arm_1", "venue:kraken", "run_1", "anna", 10, 70, 1_000, 1_060)
ODD: tuple[Any, ...] = (None, True, False, 0, 1, -1, 1.5, "", "x", [], ["x"], [1], {}, {"a": "b"}, {"a": 1})


def fields_of(folder: Folder) -> dict[str, Any]:
    """Every field of a full lease, its checksum left out."""
    lease = folder.lease(
        arm=ARM,
        since=datetime(2026, 11, 22, tzinfo=UTC),
        breakers=(leases.BreakerOpen("acme", "m", 1),),
        digests={"matrix": "d"},
        quarantined=("acme:m",),
        metrics_url="http://localhost:1/metrics",
        ramp_pct=40,
    )
    assert leases.decode(leases.encode(lease)) == lease
    fields: dict[str, Any] = json.loads(leases.encode(lease))
    del fields["checksum"]
    return fields


def read(fields: dict[str, Any]) -> leases.Lease | None:
    """These fields under a right checksum, decoded."""
    return leases.decode(leases._canonical({**fields, "checksum": leases._checksum(fields)}))


@pytest.mark.parametrize("part", ["", "arm", "breakers"])
def test_every_field_has_one_type(folder: Folder, part: str) -> None:
    """Its arm lease's and its breakers' too: one of another type, missing or too many, and it is none."""
    whole = fields_of(folder)
    inner = {"": whole, "arm": whole["arm"], "breakers": whole["breakers"][0]}[part]

    def told(changed: dict[str, Any]) -> leases.Lease | None:
        return read(
            {"": changed, "arm": {**whole, "arm": changed}, "breakers": {**whole, "breakers": [changed]}}[
                part
            ]
        )

    assert told(inner) is not None
    optional = {"enabled", "since", "metrics_url", "arm"} if not part else set()
    for name, value in inner.items():
        for odd in ODD:
            if type(odd) is not type(value) and not (odd is None and name in optional):
                assert told({**inner, name: odd}) is None, (name, odd)
        if name != "breakers":
            assert told({key: one for key, one in inner.items() if key != name}) is None, name
    assert told({**inner, "more": 1}) is None


@pytest.mark.parametrize("name", ["reasons", "conflicts", "stopped_scopes", "quarantined"])
def test_lists_are_of_texts(folder: Folder, name: str) -> None:
    """One that is none among many spoils it; so does a digest that is none."""
    assert read({**fields_of(folder), name: ["a", "b"]}) is not None
    odds: tuple[Any, ...] = (None, 1, True, [], {})
    for odd in odds:
        assert read({**fields_of(folder), name: ["a", odd]}) is None
        assert read({**fields_of(folder), "digests": {"matrix": odd}}) is None


@pytest.mark.parametrize(("pct", "whole"), [(-1, False), (0, True), (1, True), (100, True), (101, False)])
def test_a_ramp_is_a_share(folder: Folder, pct: int, whole: bool) -> None:  # noqa: FBT001 - a table
    """In percent; and a lease of another version is none."""
    assert (read({**fields_of(folder), "ramp_pct": pct}) is not None) == whole
    for version in (0, 2, True, "1"):
        assert read({**fields_of(folder), "v": version}) is None


@pytest.mark.parametrize(
    ("issued", "expires", "now", "why"),
    [
        (100, 99, 99, PostureReason.LEASE_CORRUPT),
        (100, 5_000_101, 100, PostureReason.LEASE_CORRUPT),
        (100, 5_000_100, 99, PostureReason.LEASE_FUTURE),
        (100, 5_000_100, 100, None),
        (100, 5_000_100, 5_000_100, None),
        (100, 5_000_100, 5_000_101, PostureReason.LAPSED),
        (100, 100, 100, None),
    ],
)
def test_a_lease_says_why_it_does_not_count(
    folder: Folder, issued: int, expires: int, now: int, why: PostureReason | None
) -> None:
    """To the microsecond."""
    lease = folder.lease(issued_us=issued, expires_us=expires)
    assert leases.invalid(lease, now_us=now, boot_id=lease.boot_id) is why
    for other in ("", "a", "zz"):
        assert leases.invalid(lease, now_us=now, boot_id=other) is PostureReason.LEASE_FOREIGN_BOOT


HOUR = leases.ARM_LIFETIME_US


@pytest.mark.parametrize(
    ("changes", "now", "wall", "end"),
    [
        ({}, 10, 1_000, None),
        ({}, 69, 1_059, None),
        ({}, 9, 1_000, ArmEnd.UNKNOWN),
        ({}, 70, 1_059, ArmEnd.TTL),
        ({}, 71, 1_061, ArmEnd.TTL),
        ({}, 69, 1_060, ArmEnd.WALL_TTL),
        ({}, 69, 1_061, ArmEnd.WALL_TTL),
        ({"expires_us": 10}, 10, 1_000, ArmEnd.UNKNOWN),
        ({"expires_us": 11}, 10, 1_000, None),
        ({"expires_us": 9}, 10, 1_000, ArmEnd.UNKNOWN),
        ({"expires_wall_us": 1_000}, 10, 1_000, ArmEnd.UNKNOWN),
        ({"expires_us": 10 + HOUR}, 10, 1_000, None),
        ({"expires_us": 11 + HOUR}, 10, 1_000, ArmEnd.UNKNOWN),
        ({"expires_wall_us": 1_001 + HOUR}, 10, 1_000, ArmEnd.UNKNOWN),
        ({"expires_us": HOUR, "expires_wall_us": HOUR}, 10, 1_000 + CLOCK_STEP_US, None),
        ({"expires_us": HOUR, "expires_wall_us": HOUR}, 10, 1_001 + CLOCK_STEP_US, ArmEnd.CLOCK_STEP),
        ({"expires_us": HOUR, "expires_wall_us": HOUR}, 10 + CLOCK_STEP_US, 1_000, None),
        ({"expires_us": HOUR, "expires_wall_us": HOUR}, 11 + CLOCK_STEP_US, 1_000, ArmEnd.CLOCK_STEP),
    ],
)
def test_an_arm_lease_says_why_it_is_over(
    changes: dict[str, int], now: int, wall: int, end: ArmEnd | None
) -> None:
    """To the microsecond, on either clock."""
    assert leases.arm_ended(replace(ARM, **changes), now_us=now, wall_us=wall) is end  # type: ignore[arg-type]


def test_a_lease_written_in_part_is_not_put_in_place(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old one; a whole one is its owner's to read and write, whoever else may."""
    path = folder.path / LEASE
    before = path.read_bytes()
    monkeypatch.setattr("os.write", lambda _, data: len(data) - 1)
    with pytest.raises(OSError, match="part only"):
        leases.write(path, b"whole")
    assert path.read_bytes() == before
    monkeypatch.undo()
    leases.write(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert not path.with_name(f".{LEASE}.new").exists()


def test_a_lease_is_written_to_a_file_of_its_own(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never into one that somebody put in its way meanwhile; and no handle is left open."""
    path, closed = folder.path / LEASE, list[int]()
    close = os.close

    def watched(handle: int) -> None:
        closed.append(handle)
        close(handle)

    monkeypatch.setattr(os, "close", watched)
    leases.write(path, b"whole")
    assert len(closed) == 1
    path.with_name(f".{LEASE}.new").write_bytes(b"foreign")
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(FileExistsError):
        leases.write(path, b"other")
    assert path.read_bytes() == b"whole"


def test_a_lease_as_large_as_its_limit_is_read(folder: Folder) -> None:
    """Up to the limit it is written and read; one byte more and neither."""
    bare = len(leases.encode(folder.lease(conflicts=("",))))
    lease = folder.lease(conflicts=("x" * (SIZE_LIMIT - bare),))
    assert leases.decode(leases.encode(lease)) == lease
    with pytest.raises(leases.LeaseTooLarge):
        leases.encode(replace(lease, conflicts=(*lease.conflicts, "")))
    assert leases.decode(b"") is None


def test_the_figures_of_a_lease() -> None:
    """Renewed each second, believed for five; an arm lease for an hour; what nobody says is plain."""
    assert (leases.RENEW_S, leases.LIFETIME_US, leases.ARM_LIFETIME_US) == (1.0, 5_000_000, 3_600_000_000)
    assert (leases.VERSION, leases.BREAKERS_LISTED) == (1, 24)
    assert not leases.BreakerOpen("acme", "m", 1).latched
    plain = {name: value for name, value in leases.Lease.__dataclass_fields__.items() if name != "since"}
    bare = {name: one.default for name, one in plain.items()}
    assert [bare[one] for one in ("simulated", "reduce", "ramp_pct", "arm")] == [False, False, 100, None]


def test_only_the_very_bytes_are_a_lease(folder: Folder) -> None:
    """Another order, a space more, a checksum above or below, or more than the limit: none."""
    fields = fields_of(folder)
    whole = {**fields, "checksum": leases._checksum(fields)}
    assert leases.decode(leases._canonical(whole)) is not None
    for odd in (b" " + leases._canonical(whole), json.dumps(dict(reversed(whole.items()))).encode()):
        assert leases.decode(odd) is None
    turned = dict(reversed(fields.items()))
    checksum = hashlib.sha256(json.dumps(turned, separators=(",", ":")).encode()).hexdigest()
    assert leases.decode(json.dumps({**turned, "checksum": checksum}, separators=(",", ":")).encode()) is None
    for checksum in ("0" * 64, "f" * 64):
        assert leases.decode(leases._canonical({**fields, "checksum": checksum})) is None
    assert read({**fields, "conflicts": ["x" * 5000]}) is None
