"""Running ``peak`` as its users do: a process of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support import forking

_PATIENCE_S: Final = 300.0


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
        """Run ``peak`` with ``words`` to its end, forked from a process that has read the program.

        ``typed`` is its standard input.
        """
        code, *said = forking.run(
            ["-m", "peak_console", *words],
            env={**self.environ, **variables},
            cwd=cwd or self.cwd,
            typed=None if typed is None else typed.encode(),
            timeout=_PATIENCE_S,
        )
        return Done(code, *(_text(one) for one in said))

    def started(self, *words: object) -> Done:
        """Run the ``peak`` that is installed, by an interpreter of its own: for what a start promises."""
        done = subprocess.run(
            [Path(sys.executable).with_name("peak"), *map(str, words)],
            cwd=self.cwd,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PATIENCE_S,
        )
        return Done(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(said: bytes) -> str:
    """As ``subprocess`` reads text: any end of a line is one."""
    return said.decode().replace("\r\n", "\n").replace("\r", "\n")
