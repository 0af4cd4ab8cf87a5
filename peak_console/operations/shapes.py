"""The shapes of what ``--json`` prints, as models: ``peak schema`` prints their JSON Schema.

More fields may stand beside these, so readers ignore what they do not know.
"""

from typing import Literal

from pydantic import BaseModel

from peak_console.operations.shape import Shape
from peak_console.operations.shapes_arming import ARMING_SHAPES
from peak_console.operations.shapes_breakers import BREAKER_SHAPES
from peak_console.operations.shapes_budget import BUDGET_SHAPES
from peak_console.operations.shapes_calls import CALL_SHAPES
from peak_console.operations.shapes_containing import CONTAINING_SHAPES
from peak_console.operations.shapes_control import CONTROL_SHAPES
from peak_console.operations.shapes_drift import DRIFT_SHAPES
from peak_console.operations.shapes_incidents import INCIDENT_SHAPES
from peak_console.operations.shapes_jobs import JOB_SHAPES
from peak_console.operations.shapes_ledger import LEDGER_SHAPES
from peak_console.operations.shapes_lock import LOCK_SHAPES
from peak_console.operations.shapes_models import MODEL_SHAPES
from peak_console.operations.shapes_record import RECORD_SHAPES
from peak_console.operations.shapes_status import STATUS_SHAPES
from peak_console.operations.shapes_workbench import WORKBENCH_SHAPES


class FindingShape(Shape):
    """One finding of the linter; ``line`` and ``column`` count from 1."""

    rule: str
    severity: Literal["error", "warning"]
    file: str
    line: int
    column: int
    message: str
    remedy: str


class SummaryShape(Shape):
    """How many findings there are."""

    errors: int
    warnings: int


class LintShape(Shape):
    """``peak lint``; exit 1 only with errors."""

    findings: list[FindingShape]
    summary: SummaryShape


class DemoShape(Shape):
    """``peak demo --headless``."""

    calls: int
    failed: int
    fallbacks: int
    cost_eur: str
    events: int
    root: str


class ErrorShape(Shape):
    """What went wrong: a stable reason code, what happened, the kind of error in a clause, what to do."""

    code: str
    message: str
    why: str
    remedy: str


class RefusalShape(Shape):
    """Any command that was refused or failed."""

    error: ErrorShape


_OTHERS: dict[str, type[BaseModel]] = {
    "demo": DemoShape,
    "error": RefusalShape,
    "lint": LintShape,
}
SHAPES: dict[str, type[BaseModel]] = dict(
    sorted(
        {
            **_OTHERS,
            **ARMING_SHAPES,
            **RECORD_SHAPES,
            **MODEL_SHAPES,
            **JOB_SHAPES,
            **DRIFT_SHAPES,
            **WORKBENCH_SHAPES,
            **LOCK_SHAPES,
            **CONTROL_SHAPES,
            **CONTAINING_SHAPES,
            **INCIDENT_SHAPES,
            **STATUS_SHAPES,
            **LEDGER_SHAPES,
            **CALL_SHAPES,
            **BUDGET_SHAPES,
            **BREAKER_SHAPES,
        }.items()
    )
)
"""Every shape by the name ``peak schema`` knows it under."""
