"""What the console loads before its first paint: Textual and the standard library, nothing slow."""

import subprocess
import sys

SLOW = {
    "pydantic",
    "orjson",
    "sqlite3",
    "sqlite_utils",
    "httpx",
    "aiohttp",
    "cryptography",
    "click",
    "yaml",
    "numpy",
    "tree_sitter",
}


def test_nothing_heavy_stands_before_the_first_paint() -> None:
    """App and home screen are imported without the ledger, the configs or any of their libraries."""
    code = "import sys, peak_console.tui.app, peak_console.tui.screens.live; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not SLOW & loaded
    assert not {one for one in loaded if one.startswith(("peak_console.ledger", "peak_console.llm"))}


def test_the_first_look_needs_neither_configs_nor_keys() -> None:
    """The source itself loads the configs' readers only for its second look."""
    code = "import sys, peak_console.operations.views.live_source; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"pydantic", "cryptography"} & set(done.stdout.split())
