"""A job as JSON, and back: as the node keeps it, and as it hands it to a worker. Pure."""

import json
from decimal import Decimal
from typing import Any, Final

from peak_console.config.jobs import Job

_DECIMAL: Final = "decimal"


def definition_of(job: Job) -> str:
    """A job as JSON, with decimals that are told from texts."""
    return json.dumps(job.model_dump(), sort_keys=True, default=lambda value: {_DECIMAL: str(value)})


def job_from(definition: str) -> Job | None:
    """The job of a definition; ``None`` where it is of another version of this program."""
    try:
        return Job.model_validate(json.loads(definition, object_hook=_with_decimals))
    except (ValueError, ArithmeticError):
        return None


def _with_decimals(fields: dict[str, Any]) -> Any:
    return Decimal(fields[_DECIMAL]) if fields.keys() == {_DECIMAL} else fields
