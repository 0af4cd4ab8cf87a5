"""What must hold in every try: leases that are not whole, clocks that jump, tokens that are wrong."""

import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from control_figures import Figure

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "control"))

from arming import STEPS, timing, walks, wrong_tokens  # noqa: E402 - the path comes first
from control_folder import Folder  # noqa: E402
from test_control_lease_fuzz import KINDS, Whole, best, passing  # noqa: E402

from peak_console.control import lease as leases  # noqa: E402
from peak_console.domain.clock import ManualClock  # noqa: E402


def broken_leases(tries: int) -> Figure:
    """Leases that are missing, cut, flipped, from the future, of another boot, over, wrongly typed or said.

    Baseline: a gate that takes JSON as it is, and looks only at ``calls`` and the end.
    """
    permitted = naive = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name), ManualClock())
        folder.enable()
        lease = best(folder)
        whole = Whole(folder, lease, leases.encode(lease))
        gate = folder.gate()
        assert list(passing(folder, gate, whole.data)), "the whole lease permits"
        for kind in KINDS:
            naive += _try_kind(whole, kind, tries // len(KINDS), lambda one: _naive(folder, one))
            permitted += _try_kind(
                whole, kind, tries // len(KINDS), lambda one: bool(list(passing(folder, gate, one)))
            )
    count = tries // len(KINDS) * len(KINDS)
    against = f"JSON taken as it is: {naive:,} permitted"
    return Figure(f"{count:,} broken leases", f"{permitted} permitted", "0", against, not permitted, law=True)


def _try_kind(
    whole: Whole,
    kind: Callable[[Whole, random.Random], bytes | None],
    count: int,
    permits: Callable[[bytes | None], bool],
) -> int:
    rng = random.Random(f"bench {kind.__name__}")  # noqa: S311 - the same tries each time
    return sum(permits(kind(whole, rng)) for _ in range(count))


def _naive(folder: Folder, data: bytes | None) -> bool:
    try:
        said = json.loads(data or b"")
        return bool(said["calls"]) and said["expires_us"] >= folder.clock.boot_us()
    except (ValueError, TypeError, KeyError):
        return False


def clock_sequences(count: int) -> Figure:
    """Walks of arming with clocks set by up to 400 days, sleep, reboots and crashes, against an oracle."""
    try:
        armed, seconds = walks(count)
    except AssertionError as flaw:
        return Figure(f"{count:,} clock sequences", str(flaw)[:200], "0 flaws", met=False, law=True)
    value = f"0 outlived (armed {armed:,} times, {seconds:.0f} s)"
    return Figure(
        f"{count:,} clock sequences of {STEPS} steps",
        value,
        "0",
        "36 planted flaws are seen",
        met=True,
        law=True,
    )


def tokens(count: int) -> list[Figure]:
    """Wrong tokens, each lockout waited out; and what a comparison takes by what is typed."""
    armed, lockouts, seconds = wrong_tokens(count)
    value = f"{armed} armed ({lockouts:,} lockouts, {seconds:.0f} s)"
    against = f"guessing: {count / 2**50:.0e} by chance; the lockouts take {lockouts * 10 / 1440:,.0f} days"
    figure = Figure(f"{count:,} wrong tokens", value, "0", against, not armed, law=True)
    times = timing(50_000)
    told = ", ".join(f"{kind} {ns / 1000:.2f}" for kind, ns in times.items())
    return [figure, Figure("a token's comparison, us", told)]
