"""The lease: nothing but the exact bytes that a node of this boot wrote within five seconds permits."""

import json
from pathlib import Path

import pytest
from control_folder import BOOT, Folder
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.control import lease as leases
from peak_console.control.files import LEASE
from peak_console.domain.posture import Orders, PostureReason, PostureState


def test_a_lease_reads_back_as_it_was_written(folder: Folder) -> None:
    """Every field survives, and the file is well below its limit."""
    lease = folder.lease(digests={"matrix": "a" * 64}, conflicts=("x",), stopped_scopes=("layer:L1",))
    data = leases.encode(lease)
    assert leases.decode(data) == lease
    assert len(data) < leases.SIZE_LIMIT


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
