"""The ledger's benchmark leaves nothing behind, and nothing in the folder it is called from."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ledger.py"
ONE_FIGURE = (
    "import runpy, sys; import tempfile; from pathlib import Path\n"
    "import sqlite3; connect = sqlite3.connect\n"
    "def noted(path, *a, **k): print(path); return connect(path, *a, **k)\n"
    "sqlite3.connect = noted\n"
    "sys.path.insert(0, str(Path(sys.argv[1]).parent))\n"
    "names = runpy.run_path(sys.argv[1]); names['bare_commits'](0.05)\n"
)


def test_its_folders_are_the_systems_temporary_ones_and_removed(tmp_path: Path) -> None:
    """Called from a checkout, it makes nothing there."""
    here, temporary = tmp_path / "here", tmp_path / "tmp"
    here.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ONE_FIGURE, str(SCRIPT)],
        cwd=here,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith(str(temporary))
    assert list(temporary.iterdir()) == []
    assert list(here.iterdir()) == []
