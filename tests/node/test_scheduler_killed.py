"""Schedulers that are killed at any moment: no due time is lost, none runs twice at once, all is told."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kill_judging import judge

KILLS = 50


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_fifty_kills_lose_no_due_time_and_run_none_twice(tmp_path: Path) -> None:
    """Each due time began or was told as missed; a run begins again only after it was told as interrupted."""
    script = str(Path(__file__).with_name("killed_scheduler.py"))
    subprocess.run([sys.executable, script, str(tmp_path), str(KILLS), "7"], check=True, timeout=120)
    told = {one["id"]: (one["kind"], one["body"]) for one in lines(tmp_path / "told.txt")}
    begun = [(one["key"], one["attempt"]) for one in lines(tmp_path / "ran.txt") if one["did"] == "begin"]
    judged = judge(list(told.values()), begun)
    assert judged.interrupted > KILLS // 5, "the kills hit nothing"
    assert judged.dues > KILLS
