"""Telling one hook once: commands that are well, that fail, hang, flood and leave something behind."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support.children import eventually
from support.loop_time import let_pass

from peak_console.config.incidents import Hook
from peak_console.incidents.delivery import Delivered, Message, run_command

BODY = json.dumps({"type": "incident.opened"}).encode()


async def run(
    code: str, folder: Path, timeout_s: float = 60.0, environ: Mapping[str, str] | None = None
) -> Delivered:
    """Run a command of Python code."""
    hook = Hook.model_validate({"name": "h", "kind": "command", "command": [sys.executable, "-c", code]})
    return await run_command(hook, Message("msg_1", "inc_1", BODY), timeout_s, folder, environ or {})


async def test_a_command_gets_the_message_and_an_environment_of_its_own(tmp_path: Path) -> None:
    """No key, no proxy, no switch reaches it; it begins in the workspace."""
    code = "import os,sys,json; json.dump([sys.stdin.read(), dict(os.environ)], open('got', 'w'))"
    kept = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-secret", "HTTPS_PROXY": "http://x", "LANG": "C"}
    assert (await run(code, tmp_path, environ=kept)).ok
    body, environ = json.loads((tmp_path / "got").read_text(encoding="utf-8"))
    assert body.encode() == BODY
    assert environ["PEAK_INCIDENT_ID"] == "inc_1"
    assert not {"OPENAI_API_KEY", "HTTPS_PROXY"} & set(environ)


async def test_a_command_that_fails_says_why_in_one_harmless_line(tmp_path: Path) -> None:
    """What it says is cut and cleaned; a flood of it neither holds it up nor fills anything."""
    flood = "import sys; sys.stderr.write('bad\\x1b[2Jword ' * 100_000); sys.exit(3)"
    done = await run(flood, tmp_path)
    assert not done.ok
    assert done.detail.startswith("ended with 3: bad")
    assert "\x1b" not in done.detail
    assert len(done.detail) <= 160


async def test_a_command_that_is_not_there_is_not_tried_again(tmp_path: Path) -> None:
    """It is told, and that is final; so is one that a shell would have made something of."""
    for words in (["/no/such/program"], ["echo hello; true"], ["a\0b"]):
        hook = Hook.model_validate({"name": "h", "kind": "command", "command": words})
        done = await run_command(hook, Message("m", "i", BODY), 60.0, tmp_path, {})
        assert (done.ok, done.final) == (False, True)


async def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    """After its time, its whole group; what a good one left behind holds nothing up, and is ended too."""
    start = "import subprocess,sys; p=subprocess.Popen([sys.executable,'-c','import time;time.sleep(60)'])"
    note = "open('pid','w').write(str(p.pid))"
    hanging = asyncio.create_task(run(f"{start};{note};p.wait()", tmp_path))
    await asyncio.to_thread(eventually, lambda: _written(tmp_path / "pid"), "both processes run")
    let_pass(60.0)
    assert "was killed" in (await hanging).detail
    await _gone(int((tmp_path / "pid").read_text(encoding="utf-8")))
    assert (await run(f"{start};{note}", tmp_path)).ok
    await _gone(int((tmp_path / "pid").read_text(encoding="utf-8")))


def _written(file: Path) -> bool:
    return file.exists() and file.read_text(encoding="utf-8") != ""


async def _gone(pid: int) -> None:
    await asyncio.to_thread(eventually, lambda: not _lives(pid), f"{pid} ended")


def _lives(pid: int) -> bool:
    """Whether a process runs; one that its parent has not taken leave of is dead."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return said.stdout.strip()[:1] not in {"", "Z"}
