"""Why no run begins now, and what to do about it: the posture, or a simulated workspace without simulator."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from peak_console.domain.posture import PostureReason
from peak_console.node.scheduling.worker_process import MODULE

if TYPE_CHECKING:
    from peak_console.node.engine import Node

NO_SIMULATOR: Final = "no simulator: this workspace is a demo's, and the simulator of that demo has ended"
"""Why nothing begins in a demo's workspace that was kept: every call would be refused."""

_BY_ENABLE: Final = frozenset(
    {
        PostureReason.NEW_WORKSPACE.value,
        PostureReason.STOPPED_BY_OPERATOR.value,
        PostureReason.STOP_PRESENT.value,
        PostureReason.NOT_ENABLED.value,
        PostureReason.INCIDENT_STOPPED.value,
    }
)
"""What an operator's enable ends."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Asks the node at each question; ``module`` is what its workers run."""

    node: "Node"
    module: str

    def why(self) -> str:
        """Why no run begins, in words; empty where one may."""
        state, folded = self.node.state, self.node.watch.folded
        if not folded.calls:
            file = f" ({state.config_file})" if state.config_error and state.config_file else ""
            return f"{', '.join(folded.reasons) or 'calls are not permitted'}{file}"
        return NO_SIMULATOR if self._without_simulator() else ""

    def remedy(self) -> str:
        """What ends it."""
        state, folded = self.node.state, self.node.watch.folded
        if folded.calls:
            return f"play it again: peak demo --root {self.node.ws.root}"
        if state.config_error and state.config_file:
            return f"mend {state.config_file}; see: peak lint"
        if not _BY_ENABLE.isdisjoint(folded.reasons):
            return 'permit calls: peak enable --reason "..." --confirm ENABLE'
        return "look: peak status"

    def _without_simulator(self) -> bool:
        """Whether a simulated workspace's jobs are told of no simulator."""
        if not self.node.state.facts.simulated or self.module != MODULE:
            return False
        return not any(
            name.startswith("PEAK_PROVIDER_") and name.endswith("_BASE_URL")
            for name in self.node.key_file.values
        )
