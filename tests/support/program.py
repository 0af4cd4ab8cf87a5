"""Running ``peak`` as its users do: a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a run of ``peak`` gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Peak:
    """The program, with an environment and a folder to run it in."""

    environ: dict[str, str]
    cwd: Path

    def __call__(
        self, *words: object, cwd: Path | None = None, typed: str | None = None, **variables: str
    ) -> Done:
        """Run ``peak`` with ``words`` to its end; ``typed`` is its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "peak_console", *map(str, words)],
            cwd=cwd or self.cwd,
            env={**self.environ, **variables},
            **({"stdin": subprocess.DEVNULL} if typed is None else {"input": typed}),
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        return Done(done.returncode, done.stdout, done.stderr)
