"""One shadow cycle: data, outlook, advice, critics, gate, paper fill; recorded whatever its end."""

from peak_console.domain.errors import UsageWrong
from peak_console.shadow.working import WorkEnd, Working


async def run_cycle(working: Working) -> WorkEnd:
    """Do one cycle of the job and record how it ended."""
    raise UsageWrong(f"job {working.job.name} cannot run yet", remedy="update Peak Console")
