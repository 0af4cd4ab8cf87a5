"""A job as JSON, and back: as the node keeps it, and as it hands it to a worker. Pure."""

import json
from datetime import date
from decimal import Decimal
from typing import Any, Final

from peak_console.config.jobs import Job

_DECIMAL: Final = "decimal"
_DATE: Final = "date"


def definition_of(job: Job) -> str:
    """A job as JSON, with decimals and days that are told from texts."""
    return json.dumps(job.model_dump(), sort_keys=True, default=_marked)


def job_from(definition: str) -> Job | None:
    """The job of a definition; ``None`` where it is of another version of this program."""
    try:
        return Job.model_validate(json.loads(definition, object_hook=_unmarked))
    except (ValueError, ArithmeticError):
        return None


def _marked(value: Any) -> dict[str, str]:
    return {_DATE: value.isoformat()} if isinstance(value, date) else {_DECIMAL: str(value)}


def _unmarked(fields: dict[str, Any]) -> Any:
    if fields.keys() == {_DECIMAL}:
        return Decimal(fields[_DECIMAL])
    return date.fromisoformat(fields[_DATE]) if fields.keys() == {_DATE} else fields
