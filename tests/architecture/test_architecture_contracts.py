"""The architecture's contracts hold, and each of them bites: a planted violation is caught."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

VIOLATIONS = {
    "floors": ("policy/planted.py", "import peak_console.llm\n"),
    "providers-apart": ("llm/providers/google.py", "import peak_console.llm.providers.openai_chat\n"),
    "doors": ("cli/planted.py", "import peak_console.ledger\n"),
    "pure": ("budget/planted.py", "import socket\n"),
    "one-http": ("llm/planted.py", "import httpx\n"),
    "simulator-apart": ("simulator/planted.py", "import peak_console.config\n"),
    "writer-protected": ("operations/planted.py", "import peak_console.ledger.writer\n"),
}


def _lint(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()",
        *("--cache-dir", ".read"),  # a file that changed since is read again
        *words,
    ]
    return subprocess.run(
        command,
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its contracts, to plant violations in."""
    copy = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__", "*.tcss", "*.csv", "*.toml", "*.md")
    shutil.copytree(ROOT / "peak_console", copy / "peak_console", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy / "pyproject.toml")
    return copy


@pytest.fixture(scope="module")
def clean(tree: Path) -> str:
    """What is said of the tree as it stands."""
    done = _lint(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_contract_holds_and_bites(tree: Path, clean: str, contract: str) -> None:
    """The tree as it stands keeps the contract; with one offending import it does not."""
    assert f"{len(VIOLATIONS)} kept, 0 broken" in clean
    name, line = VIOLATIONS[contract]
    path = tree / "peak_console" / name
    before = path.read_text() if path.exists() else None
    try:
        path.write_text((before or "") + "\n" + line)
        broken = _lint(tree, "--contract", contract)
    finally:
        path.write_text(before) if before is not None else path.unlink()
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "BROKEN" in broken.stdout


def test_every_contract_has_a_planted_violation() -> None:
    """A contract added to ``pyproject.toml`` needs its violation here."""
    import tomllib  # noqa: PLC0415 - needed by this test alone

    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {one["id"] for one in config["tool"]["importlinter"]["contracts"]} == set(VIOLATIONS)


HEADLESS = {
    "the Python API": "import peak_console.llm.client",
    "the sync front": "import peak_console.llm.sync",
    "peak lint": "from peak_console.cli.program import load; load('lint')",
    "peak stop": "import peak_console.control.stop",
    "a job's worker": "from peak_console.operations.jobs import worker; [*map(worker.work_of, worker._WORK)]",
}
SLOW = {
    *("textual", "rich", "prometheus_client", "genai_prices", "aiohttp.web"),
    *("apscheduler", "pyarrow", "tomlkit", "watchfiles", "numpy"),
}
LEAN = {
    "pydantic",
    "orjson",
    "click",
    "httpx",
    "aiohttp",
    "sqlite3",
    "sqlite_utils",
    "cryptography",
    "asyncio",
}


@pytest.mark.parametrize("door", HEADLESS)
def test_headless_doors_load_nothing_slow(door: str) -> None:
    """A fresh interpreter on a headless path loads no terminal program; the stop path only the library."""
    script = f"{HEADLESS[door]}\nimport sys; print('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    unwanted = SLOW | LEAN if door == "peak stop" else SLOW
    assert not loaded & unwanted
