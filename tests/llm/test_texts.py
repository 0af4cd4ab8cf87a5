import asyncio
from pathlib import Path

import orjson
import pytest

from peak_console.domain.errors import EnvironmentUnfit
from peak_console.llm.texts import SEGMENT, TextStore


async def test_texts_of_one_turn_go_out_as_whole_lines(tmp_path: Path) -> None:
    """What is kept in one turn of the loop stands in the segments after it, in order, by run."""
    store = TextStore(tmp_path)
    for number in range(10):
        store.keep(f"run{number % 2}", "call", "request", f"{number}\n\u2028", "hash")
    await asyncio.sleep(0)
    for parity in range(2):
        lines = (tmp_path / f"run{parity}" / SEGMENT).read_bytes().splitlines()
        assert [orjson.loads(line)["text"][0] for line in lines] == [str(n) for n in range(parity, 10, 2)]
    store.close()


async def test_many_runs_need_few_handles(tmp_path: Path) -> None:
    """Segments beyond the limit are closed and opened again when needed."""
    store = TextStore(tmp_path)
    for number in range(200):
        store.keep(f"run{number}", "call", "request", "x", "hash")
    store.flush()
    store.keep("run0", "call", "answer", "y", "hash")
    store.close()
    assert len((tmp_path / "run0" / SEGMENT).read_bytes().splitlines()) == 2


async def test_a_failure_shows_at_the_check_of_its_run_alone(tmp_path: Path) -> None:
    """Who cannot write is told so, once; others go on."""
    (tmp_path / "blocked").write_text("in the way")
    store = TextStore(tmp_path)
    store.keep("blocked", "call", "request", "x", "hash")
    store.keep("fine", "call", "request", "x", "hash")
    with pytest.raises(EnvironmentUnfit):
        store.check("blocked")
    store.check("fine")
    store.check("blocked")
    store.close()


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """Nothing that was kept is lost by closing in the same turn."""
    store = TextStore(tmp_path)
    store.keep("run", "call", "request", "x", "hash")
    store.close()
    assert (tmp_path / "run" / SEGMENT).exists()
