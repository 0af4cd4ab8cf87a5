"""Claims: what a worker shows to be let in as a job's. Memory only; a node that is gone has none."""

import secrets


class Claims:
    """Tokens of the runs that have a worker now. A worker of an earlier node holds one that nobody knows."""

    def __init__(self) -> None:
        self._jobs: dict[str, str] = {}

    def give(self, job: str) -> str:
        """A new token for a worker of ``job``."""
        token = secrets.token_hex(24)
        self._jobs[token] = job
        return token

    def job_of(self, token: str) -> str:
        """The job of a token; empty for one that is unknown or over."""
        return self._jobs.get(token, "")

    def over(self, token: str) -> None:
        """Its worker has ended."""
        self._jobs.pop(token, None)
