"""The watch over keys can fail: planted ones are found, in every place and spelling."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.canaries import ACCESS_KEYS, KEYS, found_in

TESTS = Path(__file__).parent.parent
HEAD = """
import base64
import logging
from support.canaries import KEYS

KEY = KEYS["OPENAI_API_KEY"]


def test_nothing():
    assert KEY
"""
PLANTED = """

def test_file(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"\\x00" * 9 + KEY.encode() + b"\\xff")


def test_output():
    print("the key is", KEY)


def test_log():
    logging.getLogger("x").warning("the key is %s", KEY)


def test_base64(tmp_path):
    (tmp_path / "notes").write_text(base64.b64encode(f"user:{KEY}".encode()).decode())
"""
PLACES = ("ledger.db: ", "::test_output: ", "::test_log: ", "notes: ")


@pytest.fixture
def apart() -> Iterator[Path]:
    """A folder outside this run's own, or the planted keys would be found there."""
    with TemporaryDirectory(prefix="pk") as folder:
        yield Path(folder)


def run(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A test run of its own over ``source``, under the watch."""
    (folder / "test_planted.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "support.canary_watch", "-p", "no:cacheprovider"]
    command += ["-c", str(folder / "pytest.ini"), "--basetemp", str(folder / "temp"), *options]
    environ = {**os.environ, "PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    planted = str(folder / "test_planted.py")
    return subprocess.run(
        [*command, planted], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "distributed"])
def test_a_planted_key_fails_the_run(apart: Path, options: tuple[str, ...]) -> None:
    """A run whose tests all pass fails when one of them wrote a key down, and says where."""
    done = run(apart, HEAD + PLANTED, *options)
    assert "5 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
    assert "keys that were written down" in done.stdout
    assert [place for place in PLACES if place not in done.stdout] == []


def test_a_key_is_found_behind_a_hole_and_across_two_pieces(apart: Path) -> None:
    """Ten gigabytes of nothing cost nothing and hide nothing; no key falls between two pieces."""
    source = (
        HEAD
        + """
def test_hole(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * 2**30)
        file.seek(9 * 2**30)
        file.write(KEY.encode())

def test_seam(tmp_path):
    (tmp_path / "seam").write_bytes(b"." * (8 * 2**20 - 5) + KEY.encode())
"""
    )
    done = run(apart, source)
    assert done.returncode == 1
    assert [place for place in ("sparse: ", "seam: ") if place not in done.stdout] == []


def test_a_key_that_stays_where_it_is_fails_nothing(apart: Path) -> None:
    """Holding a key is no leak."""
    done = run(apart, HEAD)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize("key", [*KEYS.values(), *ACCESS_KEYS.values()])
def test_every_canary_is_recognised(key: str) -> None:
    """Plain, within other bytes, and in base64 at each of its three alignments."""
    assert found_in(b"\x01\x02" + key.encode() + b"\xff")
    if key.startswith("canary-"):
        assert all(found_in(base64.b64encode(b"x" * shift + key.encode())) for shift in range(3))


def test_a_run_without_keys_has_no_hits() -> None:
    """Neither prose nor random bytes are taken for keys."""
    assert found_in(b"a canary in a coal mine; canary-watch; canaries") == []
    assert found_in(os.urandom(1 << 20)) == []
