"""Claims: what a worker shows to be let in as a job's. Memory only; a node that is gone has none."""

import json
import secrets

from peak_console.config.jobs import Job
from peak_console.domain.claims import JobClaim
from peak_console.domain.jobs import JobKind
from peak_console.domain.vocabulary import Role
from peak_console.node.scheduling.tables import RunRow


class Claims:
    """Tokens of the runs that have a worker now. A worker of an earlier node holds one that nobody knows."""

    def __init__(self) -> None:
        self._claims: dict[str, JobClaim] = {}

    def give(self, claim: JobClaim) -> str:
        """A new token for the worker of a run."""
        token = secrets.token_hex(24)
        self._claims[token] = claim
        return token

    def of(self, token: str) -> JobClaim | None:
        """The claim of a token; ``None`` for one that is unknown or over."""
        return self._claims.get(token)

    def over(self, token: str) -> None:
        """Its worker has ended."""
        self._claims.pop(token, None)


def claim_of(row: RunRow, job: Job) -> JobClaim:
    """What the worker of a run may speak for, by its job's settings and its own params."""
    settings = job.shadow_cycle
    book = settings.book if settings is not None else ""
    return JobClaim(job.name, job.kind, row.key, row.attempt, book, _slots(row, job))


def _slots(row: RunRow, job: Job) -> frozenset[tuple[str, str]]:
    """As a two-sample test takes them: one that is named in the params is the only one."""
    params = json.loads(row.params)
    if job.kind is JobKind.TWO_SAMPLE and "layer" in params:
        return frozenset({(str(params["layer"]), str(params.get("role", Role.PRIMARY)))})
    tested = job.canary or job.two_sample
    return frozenset((one.layer.value, one.role.value) for one in (tested.slots if tested else ()))
