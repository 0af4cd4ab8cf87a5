"""Schedulers that are killed at any moment: no due time is lost, none runs twice at once, all is told."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from peak_console.jobs.keys import parse_key

KILLS = 50


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def seconds(moment: str) -> int:
    """A time as seconds since 1970."""
    parsed = parse_key(f"x@{moment[:19]}Z")
    assert parsed is not None
    return parsed[1] // 1_000_000


def test_fifty_kills_lose_no_due_time_and_run_none_twice(tmp_path: Path) -> None:
    """Each due time began or was told as missed; a run begins again only after it was told as interrupted."""
    script = str(Path(__file__).with_name("killed_scheduler.py"))
    subprocess.run([sys.executable, script, str(tmp_path), str(KILLS), "7"], check=True, timeout=120)
    ran = lines(tmp_path / "ran.txt")
    told = list({one["id"]: one for one in lines(tmp_path / "told.txt")}.values())
    started = {(one["body"]["key"], one["body"]["attempt"]) for one in told if one["kind"] == "job.started"}
    cut_off = {
        (one["body"]["key"], one["body"]["attempt"]): one["body"]["again"]
        for one in told
        if one["kind"] == "job.interrupted"
    }
    finished = Counter(one["body"]["key"] for one in told if one["kind"] == "job.finished")
    begun = [(one["key"], one["attempt"]) for one in ran if one["did"] == "begin"]
    assert len(begun) == len(set(begun)), "one claim had two workers"
    assert set(begun) <= started, "a worker was started that was not told"
    for key, attempt in begun:
        assert attempt == 1 or cut_off[key, attempt - 1] is True, "it ran again without being interrupted"
        assert attempt <= 3
    assert set(finished.values()) == {1}, "an end was told twice"
    assert started - cut_off.keys() == {one for one in started if one[0] in finished and one not in cut_off}
    once = [key for key, attempt in begun if key.startswith("none@")]
    assert len(once) == len(set(once)), "a job that is not caught up with ran again"
    assert len(cut_off) > KILLS // 5, "the kills hit nothing"
    for job in ("none", "last", "all"):
        dues = {seconds(key.partition("@")[2]) for key, _ in started if key.startswith(f"{job}@")}
        missed = [one["body"] for one in told if one["kind"] == "job.missed" and one["body"]["job"] == job]
        for batch in missed:
            span = set(range(seconds(batch["first_due"]), seconds(batch["last_due"]) + 1))
            assert len(span) >= batch["count"]
            if len(span) == batch["count"]:
                assert not span & dues, "a run that began was told as missed"
        total = len(dues) + sum(batch["count"] for batch in missed)
        last = max([*dues, *(seconds(batch["last_due"]) for batch in missed)])
        first = min([*dues, *(seconds(batch["first_due"]) for batch in missed)])
        assert total == last - first + 1, f"{job}: a due time was lost or doubled"
