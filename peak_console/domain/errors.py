"""The error tree. Every error says what happened, why (a reason code) and what to do."""

from typing import Any, ClassVar, Final

_WHY: Final = {
    "jobs_held": "no run begins while calls are not permitted, or nobody could answer them",
    "job_paused": "somebody paused the job, and nobody has resumed it",
    "job_not_paused": "only a paused job can be resumed",
    "model_not_quarantined": "only a model that is out of use can be let back",
    "no_such_job": "the node knows no job of that name",
    "no_such_run": "the node knows no run of that key",
}
"""By code: what says more than the kind of error does."""


class PeakError(Exception):
    """Base of all errors that reach an operator.

    ``code`` is a stable reason code, ``message`` says what happened, ``remedy`` what to do next;
    ``details`` holds machine-readable facts (JSON types only). ``exit_code`` is the command line's.
    """

    default_code: ClassVar[str] = "error"
    why: str = "something did not go as it should"
    """The kind of error in one clause, for people; the code says which one."""
    exit_code: int = 1

    def __init__(self, message: str, *, code: str | None = None, remedy: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.why = _WHY.get(self.code, self.why)
        self.message = message
        self.remedy = remedy
        self.details = details

    def as_dict(self) -> dict[str, Any]:
        """The refusal shape of the command line: ``{"code", "message", "remedy", ...}``."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy, **self.details}


class PolicyDenied(PeakError):
    """The hard deny or a guard refused a provider, model or address."""

    default_code = "policy_denied"
    why = "policy forbids it"


class ConfigInvalid(PeakError):
    """A config file cannot be used; ``details['findings']`` lists where and why."""

    default_code = "config_invalid"
    why = "a config cannot be used as it stands"


class BudgetExceeded(PeakError):
    """A reservation would exceed a limit, or no limit or price permits it."""

    default_code = "budget_exceeded"
    why = "no budget permits it"


class ControlRefused(PeakError):
    """Posture or the control protocol does not permit the action."""

    default_code = "control_refused"
    why = "posture or the control protocol does not permit it"


class CallRefused(PeakError):
    """A call was not sent: no candidate was admitted, or the layer holds no model."""

    default_code = "call_refused"
    why = "no candidate may be asked, so nothing was sent"


class CallFailed(PeakError):
    """A call was sent and no candidate answered usably."""

    default_code = "call_failed"
    why = "it was sent, and no candidate answered usably"


class LedgerBroken(PeakError):
    """The chain does not verify; ``details`` names the first broken row and how it is broken."""

    default_code = "ledger_broken"
    why = "the chain does not verify"


class UsageWrong(PeakError):
    """The command was called wrongly."""

    default_code = "usage"
    why = "the command was called wrongly"
    exit_code = 2


class EnvironmentUnfit(PeakError):
    """The environment is not fit: no workspace, no node, database locked, full or corrupt."""

    default_code = "environment"
    why = "the environment is not fit"
    exit_code = 3


class NodeUnreachable(EnvironmentUnfit):
    """No node answers for this workspace, or its connection ended before the acknowledgement."""

    default_code = "node_unreachable"
    why = "no node answers for this workspace"


class LedgerUnavailable(EnvironmentUnfit):
    """The ledger cannot be read or written now (locked, full, read-only, corrupt)."""

    default_code = "ledger_unavailable"
    why = "the ledger cannot be read or written now"
