"""Ten thousand leases that are not what they should be: no call and no order passes under any of them."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from control_folder import BOOT, Folder

from peak_console.control import lease as leases
from peak_console.control.files import LEASE
from peak_console.control.gate import CallGate
from peak_console.control.orders import Moment, OrderFacts, VenueKind, may_order
from peak_console.domain.arming import ArmLease
from peak_console.domain.clock import ManualClock, unix_us
from peak_console.domain.posture import Orders, PostureState

EACH = 1250
FACTS = OrderFacts(venue="kraken", run_id="run_1")
OPTIONAL = {"enabled", "since", "metrics_url", "arm"}
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**70, 1.5, "", "x", "true", "live", [], [1], [None], {}, {"a": 1}),
    *([["x"]], {"a": {}}, [{}]),
)


@dataclass(frozen=True)
class Whole:
    """An enabled workspace, and the lease that permits everything: armed in live."""

    folder: Folder
    lease: leases.Lease
    data: bytes


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """What every try breaks."""
    folder = Folder(tmp_path_factory.mktemp("control"), ManualClock())
    folder.enable()
    lease = best(folder)
    return Whole(folder, lease, leases.encode(lease))


def best(folder: Folder) -> leases.Lease:
    """The lease that permits most."""
    now, wall = folder.clock.boot_us(), unix_us(folder.clock.now())
    arm = ArmLease("arm_1", "venue:kraken", "run_1", "anna", now, now + 60_000_000, wall, wall + 60_000_000)
    armed = {"phase": "live", "orders": Orders.ALL, "state": PostureState.ARMED, "arm": arm}
    return folder.lease(
        **armed,
        breakers=(leases.BreakerOpen("acme", "m", 1),),
        digests={"matrix": "d"},
        metrics_url="http://localhost:1/metrics",
    )


def raw(fields: dict[str, Any]) -> bytes:
    """These fields as a lease with the right checksum."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    whole = {**fields, "checksum": hashlib.sha256(text).hexdigest()}
    return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()


def fields_of(whole: Whole) -> dict[str, Any]:
    """A lease's fields, without its checksum."""
    fields: dict[str, Any] = json.loads(whole.data)
    del fields["checksum"]
    return fields


def cut_or_padded(whole: Whole, rng: random.Random) -> bytes:
    """Cut anywhere, or with more behind it."""
    data = whole.data
    if rng.random() < 0.2:
        return data + rng.randbytes(rng.randrange(1, 5000))
    return data[: rng.randrange(1, len(data))]


def bit_flipped(whole: Whole, rng: random.Random) -> bytes:
    """Some bits turned over."""
    data = bytearray(whole.data)
    for place in {rng.randrange(len(data) * 8) for _ in range(rng.randint(1, 4))}:
        data[place // 8] ^= 1 << place % 8
    return bytes(data)


def absent(whole: Whole, rng: random.Random) -> bytes | None:
    """No lease, or nothing in it that is one."""
    return rng.choice([None, b"", b"{}", b"null", b"\0" * rng.randint(1, 9000), rng.randbytes(300)])


def future(whole: Whole, rng: random.Random) -> bytes:
    """Issued after now."""
    issued = whole.folder.clock.boot_us() + rng.randint(1, 10**12)
    return leases.encode(replace(whole.lease, issued_us=issued, expires_us=issued + leases.LIFETIME_US))


def foreign(whole: Whole, rng: random.Random) -> bytes:
    """Of another boot, or under another enable."""
    other = {"boot_id": f"{BOOT[:-1]}{rng.choice('abcdef')}"} if rng.random() < 0.5 else {"enabled": "ev_2"}
    return leases.encode(replace(whole.lease, **other))  # type: ignore[arg-type]


def expired(whole: Whole, rng: random.Random) -> bytes:
    """Over, or of a life that no lease may have."""
    now = whole.folder.clock.boot_us()
    if rng.random() < 0.5:
        over = rng.randint(1, now)
        issued, expires = now - over - leases.LIFETIME_US, now - over
    else:
        issued = now - rng.randint(0, 10**6)
        expires = issued + leases.LIFETIME_US + rng.randint(1, 10**15)
    return leases.encode(replace(whole.lease, issued_us=issued, expires_us=expires))


def wrongly_typed(whole: Whole, rng: random.Random) -> bytes:
    """A whole checksum over a field of another type, one too few or one too many."""
    fields = fields_of(whole)
    place: dict[str, Any] = fields
    name = rng.choice(list(fields))
    if name in {"arm", "breakers"} and rng.random() < 0.9:
        place = fields["arm"] if name == "arm" else fields["breakers"][0]
        name = rng.choice(list(place))
    if rng.random() < 0.1:
        del place[name]
    elif rng.random() < 0.1:
        place[f"{name}_"] = place[name]
    else:
        kept = (type(place[name]), type(None)) if name in OPTIONAL else (type(place[name]),)
        wrong = [one for one in ODD if type(one) not in kept]
        place[name] = rng.choice(wrong)
    if place is fields and "breakers" not in fields:
        fields["breakers"] = None  # without the field it is an older node's, and whole
    return raw(fields)


def wrongly_said(whole: Whole, rng: random.Random) -> bytes:
    """Of the right types, and nothing that a node says."""
    lists = ("reasons", "conflicts", "stopped_scopes", "quarantined")
    change = rng.choice(
        [
            {"v": rng.choice([0, 2, 99])},
            {"state": rng.choice(["armed", "", "LIVE", "UNKNOWN", "STOPPED"])},
            {"orders": rng.choice(["ALL", "some", ""])},
            {"calls": False},
            {"since": rng.choice(["yesterday", "2026-13-01"])},
            {rng.choice(lists): [rng.choice([None, 1, True, {}, []])]},
            {"digests": {"matrix": rng.choice([None, 1, []])}},
            {"ramp_pct": rng.choice([-1, 101, 10**9])},
            {"expires_us": -1},
            {"boot_id": ""},
        ]
    )
    return raw({**fields_of(whole), **change})


KINDS: tuple[Callable[[Whole, random.Random], bytes | None], ...] = (
    *(cut_or_padded, bit_flipped, absent, future, foreign, expired, wrongly_typed, wrongly_said),
)


def passing(folder: Folder, gate: CallGate, data: bytes | None) -> Iterator[str]:
    """What passes with these bytes as the lease: calls, and orders by venue kind."""
    path = folder.path / LEASE
    if data is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(data)
    posture, lease = gate.posture(), gate.lease()
    if posture.calls:
        yield "calls"
    moment = Moment(folder.clock.boot_us(), unix_us(folder.clock.now()), BOOT)
    for kind in VenueKind:
        for reduces in (False, True):
            if may_order(posture, lease, FACTS, moment, kind=kind, reduces=reduces).allowed:
                yield kind


@pytest.mark.parametrize("broken", KINDS, ids=lambda one: one.__name__)
def test_no_broken_lease_permits_anything(
    broken: Callable[[Whole, random.Random], bytes | None], whole: Whole
) -> None:
    """0 calls and 0 orders in 10,000 tries: missing, empty, truncated, flipped, future, expired and so on."""
    assert EACH * len(KINDS) >= 10_000
    gate = whole.folder.gate()
    rng = random.Random(broken.__name__)  # noqa: S311 - the same tries each time
    for _ in range(EACH):
        data = broken(whole, rng)
        assert list(passing(whole.folder, gate, data)) == [], data


def test_the_whole_lease_permits_all_of_it(whole: Whole) -> None:
    """The tries above would see something pass: the lease they start from permits calls and orders."""
    found = list(passing(whole.folder, whole.folder.gate(), whole.data))
    assert found == ["calls", *["paper"] * 2, *["testnet"] * 2, *["live"] * 2]
