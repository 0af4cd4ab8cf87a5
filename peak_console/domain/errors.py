"""The error tree. Every error says what happened, why (a reason code) and what to do."""

from typing import Any, ClassVar


class PeakError(Exception):
    """Base of all errors that reach an operator.

    ``code`` is a stable reason code, ``message`` says what happened, ``remedy`` what to do next;
    ``details`` holds machine-readable facts (JSON types only). ``exit_code`` is the command line's.
    """

    default_code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str | None = None, remedy: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.remedy = remedy
        self.details = details

    def as_dict(self) -> dict[str, Any]:
        """The refusal shape of the command line: ``{"code", "message", "remedy", ...}``."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy, **self.details}


class PolicyDenied(PeakError):
    """The hard deny or a guard refused a provider, model or address."""

    default_code = "policy_denied"


class ConfigInvalid(PeakError):
    """A config file cannot be used; ``details['findings']`` lists where and why."""

    default_code = "config_invalid"


class BudgetExceeded(PeakError):
    """A reservation would exceed a limit, or no limit or price permits it."""

    default_code = "budget_exceeded"


class ControlRefused(PeakError):
    """Posture or the control protocol does not permit the action."""

    default_code = "control_refused"


class CallRefused(PeakError):
    """A call was not sent: no candidate was admitted, or the layer holds no model."""

    default_code = "call_refused"


class CallFailed(PeakError):
    """A call was sent and no candidate answered usably."""

    default_code = "call_failed"


class LedgerBroken(PeakError):
    """The chain does not verify; ``details`` names the first broken row and how it is broken."""

    default_code = "ledger_broken"


class UsageWrong(PeakError):
    """The command was called wrongly."""

    default_code = "usage"
    exit_code = 2


class EnvironmentUnfit(PeakError):
    """The environment is not fit: no workspace, no node, database locked, full or corrupt."""

    default_code = "environment"
    exit_code = 3


class NodeUnreachable(EnvironmentUnfit):
    """No node answers for this workspace, or its connection ended before the acknowledgement."""

    default_code = "node_unreachable"


class LedgerUnavailable(EnvironmentUnfit):
    """The ledger cannot be read or written now (locked, full, read-only, corrupt)."""

    default_code = "ledger_unavailable"
