"""Fixtures of the control room's tests."""

from pathlib import Path

import pytest
from control_folder import Folder

from peak_console.domain.clock import ManualClock


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An enabled folder with a fresh lease."""
    made = Folder(tmp_path, ManualClock())
    made.enable()
    made.renew()
    return made
