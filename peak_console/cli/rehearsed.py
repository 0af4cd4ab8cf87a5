"""How a rehearsal of a rollback is told."""

from peak_console.operations.rehearsing import Rehearsed


def rehearsed_lines(done: Rehearsed) -> list[str]:
    """Each step with its time, then how it ended and where it is recorded."""
    steps = [
        f"  {'ok    ' if one.ok else 'FAILED'}  {one.step}: {one.detail} ({one.ms} ms)" for one in done.steps
    ]
    word = "held" if done.held else "did NOT hold"
    last = f"the rehearsal {word} in {done.ms} ms, recorded as #{done.seq:,}; nothing was changed"
    return [f"rollback of {done.target} to {done.digest[:12]}, on a mirror", *steps, last]
