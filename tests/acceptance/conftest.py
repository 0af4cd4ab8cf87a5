"""``peak`` with keys, home and working folder of the test's own."""

import os

import pytest
from support.program import Peak


@pytest.fixture(scope="module")
def peak(tmp_path_factory: pytest.TempPathFactory) -> Peak:
    """Run ``peak WORDS`` from an empty folder, with no provider key and no workspace of the caller's."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return Peak({**kept, "HOME": str(home), "PEAK_KEYS_DIR": str(home / "keys"), "NO_COLOR": "1"}, home)
