"""A shadow desk over a real node: cycles, a stop, a kill, a swapped model, a dead provider."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from node.node_world import NodeProcess, World, node_process
from support.program import Peak

from peak_console.cli.program import run
from peak_console.config.workspace import Workspace
from peak_console.control.keys import WORKSPACE, KeyStore
from peak_console.demo.workspace import make_demo_workspace
from peak_console.domain.artefacts import HEADINGS
from peak_console.node.admission import MADE_BY_INIT
from peak_console.node.genesis import Genesis
from peak_console.node.spawn import ledger_client
from peak_console.operations.demo import environment_text
from peak_console.operations.shapes import SHAPES
from peak_console.shadow.book import book_digest

pytestmark = pytest.mark.slow

OPERATOR: Final = "anna"
SWAPPED: Final = "openai:gpt-5-mini"
STAND_IN: Final = "google:gemini-2.5-flash"
AGENTS: Final = ("analyst", "advisor", "critic", "gate", "review")
JOBS: Final = """[[job]]
name = "desk"
kind = "shadow_cycle"
timeout_s = 60
catch_up = "last"
budget = { max_cost_eur = 1.0, max_calls = 12 }

[job.shadow_cycle]
instrument = "EUR/USD"
eur_per_quote = 0.85
file = { path = "package:eurusd_1h" }
replay = { start = 0, step = 7 }
sizing = { risk_eur = 50.0, max_notional_eur = 900.0, fee_bps = 1.0, slippage_bps = 1.0 }

[[job]]
name = "gold"
kind = "canary"
timeout_s = 20
budget = { max_cost_eur = 0.5, max_calls = 80 }

[job.canary]
cases = "gold"
slots = [{ layer = "L2" }]
"""


PATIENCE_S: Final = 90.0


def until(holds: Callable[[], Any], what: str) -> Any:
    """Ask now and then until it holds; gives what was answered."""
    end = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.3)
    return found


class House:
    """A simulator, a workspace with its jobs, a node; and ``peak`` in this process."""

    def __init__(self, folder: Path, ending: ExitStack, capsys: pytest.CaptureFixture[str]) -> None:
        self.ws = make_demo_workspace(folder / "desk", today=datetime.now(UTC).date())
        self.world = World(self.ws)
        self._capsys = capsys
        (self.ws.root / "configs/shadow/jobs.toml").write_text(JOBS, encoding="utf-8")
        self.world.set_control(cooldown_s=0)
        self.simulator, urls = _simulator(folder, ending)
        self._control = httpx.URL(urls["openai"])
        self._environment = folder / "environment"
        self._environment.touch(mode=0o600)
        self._environment.write_text(environment_text(urls), encoding="utf-8")
        _begin(self.ws)

    def node(self) -> AbstractContextManager[NodeProcess]:
        """A node as a service manager starts it: with the environment file of its jobs."""
        words = ("-m", "peak_console.node", "--environment-file", str(self._environment))
        return node_process(self.world, program=words)

    def __call__(self, *words: str, code: int = 0) -> Any:
        """The JSON document of ``peak WORDS``, which ended with ``code``."""
        self._capsys.readouterr()
        ended = run(["--root", str(self.ws.root), "--json", *words])
        shown = self._capsys.readouterr()
        assert ended == code, shown.out + shown.err
        return json.loads(shown.out)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of a kind on the ledger, oldest first."""
        return [dict(one.body or {}) for one in self.world.events() if one.kind == kind]

    def steer(self, what: str, **fields: Any) -> None:
        """Have the simulator answer otherwise."""
        httpx.post(self._control.join(f"/_sim/{what}"), json=fields).raise_for_status()

    def held_up(self) -> str:
        """A cycle whose provider never answers; gives its key once its call is there."""
        asked = self._requests()
        self.steer("fault", kind="hang")
        (run,) = self("shadow", "run", "--job", "desk")["asked"]
        until(lambda: self._requests() > asked, "its call")
        return str(run["key"])

    def _requests(self) -> int:
        """How many requests reached a provider."""
        return int(httpx.get(self._control.join("/_sim/state")).json()["requests"])

    def cycle(self) -> dict[str, Any]:
        """A cycle that is waited for; what the ledger says of it."""
        (run,) = self("shadow", "run", "--job", "desk", "--once")["runs"]
        (found,) = [one for one in self.told("shadow.cycle.finished") if one["key"] == run["key"]]
        return found

    def run_of(self, key: str) -> dict[str, Any]:
        """What ``peak jobs runs`` says of a run."""
        (found,) = [one for one in self("jobs", "runs")["runs"] if one["key"] == key]
        return dict(found)

    def incidents(self) -> list[str]:
        """What opened those that are open."""
        return [one["trigger"] for one in self("incident", "list")["incidents"]]

    def out_of_use(self) -> list[str]:
        """The models that are quarantined."""
        return [one["model"] for one in self("drift", "status")["models"] if one["state"] == "quarantined"]


def _simulator(folder: Path, ending: ExitStack) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    words = [sys.executable, "-m", "peak_console.simulator", "--seed", "7", "--with-parent"]
    words += [
        "--latency-scale",
        "0",
        "--error-rate",
        "0",
        "--outage-first",
        "1e6",
        "--ready-file",
        str(folder / "ready.json"),
    ]
    process = ending.enter_context(subprocess.Popen(words, stdin=subprocess.DEVNULL))
    ending.callback(process.kill)
    until((folder / "ready.json").exists, "the simulator")
    return process, json.loads((folder / "ready.json").read_bytes())["urls"]


def _begin(ws: Workspace) -> None:
    """A simulated ledger with its first operator."""
    keys = KeyStore(ws.keys)
    keys.create(WORKSPACE)
    begun = Genesis(MADE_BY_INIT, simulated=True, operator=OPERATOR, public_key=keys.create(OPERATOR))
    with ledger_client(ws, name="test", genesis=begun):
        pass


@pytest.fixture
def house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[House]:
    """The house, before its node."""
    for name in ("keys", "state"):
        monkeypatch.setenv(f"PEAK_{name.upper()}_DIR", str(tmp_path / name))
    with ExitStack() as ending:
        yield House(tmp_path, ending, capsys)


def test_shadow_story(house: House, tmp_path: Path) -> None:
    """One desk's day: each chapter is a promise of a document."""
    with house.node() as node:
        house.world.enable(node.socket)
        a_cycle_leaves_everything(house, tmp_path)
        a_stop_ends_a_cycle(house, node)
        cut_off = a_kill_cuts_a_cycle_off(house, node)
    with house.node():
        it_runs_again_once(house, cut_off)
        a_swapped_model_is_taken_out_of_use(house)
    with house.node():
        the_quarantine_holds_until_it_is_released(house)
        who_does_not_answer_has_not_failed(house)
        the_record_accounts_for_all(house)


def a_cycle_leaves_everything(house: House, tmp_path: Path) -> None:
    """The program waits with steps; gate's word, artefacts, run page, sealed pack."""
    peak = Peak({**os.environ, "NO_COLOR": "1"}, tmp_path)
    done = peak.started("shadow", "run", "--once", "--json", "--root", house.ws.root)
    assert done.code == 0, done.out + done.err
    (run,) = done.document["runs"]
    assert done.err.count(f"peak: {run['key']} · ") >= 3
    cycle = house.told("shadow.cycle.finished")[0]
    assert (cycle["key"], cycle["outcome"]) == (run["key"], run["outcome"])
    while not house.told("gate.decided"):  # models may see nothing to do
        house.cycle()
    cycle, (decided,) = house.told("shadow.cycle.finished")[-1], house.told("gate.decided")
    assert (decided["venue_kind"], f"would_{decided['would']}") == ("none", cycle["outcome"])
    run_id = house.run_of(cycle["key"])["run_id"]
    for agent in AGENTS:
        page = (house.ws.runs / run_id / agent / "result.md").read_text(encoding="utf-8")
        lines = page.splitlines()
        assert [lines.count(f"## {one}") for one in HEADINGS] == [1] * len(HEADINGS)
    shown = house("runs", "show", run_id)
    SHAPES["runs-show"].model_validate(shown)
    assert house("runs", "replay", run_id)
    house("evidence", "build", run_id)
    assert house("evidence", "verify", run_id)["ok"] is True


def a_stop_ends_a_cycle(house: House, node: NodeProcess) -> None:
    """It ends as aborted, and says so; then nothing begins until calls are enabled."""
    key = house.held_up()
    house("stop", "--reason", "look")
    until(lambda: house.run_of(key)["state"] == "aborted", "its end")
    after = house.told("shadow.cycle.finished")[-1]
    assert (after["key"], after["outcome"], after["gate"]) == (key, "aborted", None)
    assert after["fill"] is None
    assert house("shadow", "run", "--job", "desk", code=1)["error"]["code"] == "jobs_held"
    house.world.enable(node.socket)


def a_kill_cuts_a_cycle_off(house: House, node: NodeProcess) -> str:
    """The node dies by SIGKILL while a provider thinks; gives the run's key."""
    key = house.held_up()
    node.kill()
    assert house("jobs", "list")["told_by_node"] is False
    return key


def it_runs_again_once(house: House, key: str) -> None:
    """The next node tells it as interrupted and, as its job wants it, runs it by the same key."""
    until(lambda: house.run_of(key)["state"] == "done", "its second try")
    (cut_off,) = house.told("job.interrupted")
    assert (cut_off["key"], cut_off["again"]) == (key, True)
    assert [one["attempt"] for one in house.told("job.started") if one["key"] == key] == [1, 2]
    assert len([one for one in house.told("shadow.cycle.finished") if one["key"] == key]) == 1
    decided = [event for event in house.world.events() if event.kind == "gate.decided"]
    named = [one["gate"]["event_id"] for one in house.told("shadow.cycle.finished") if one["gate"]]
    assert [one.event_id for one in decided] == named, "no decision but those of cycles that ended"
    assert house.run_of(key)["cause"] == "again"


def a_swapped_model_is_taken_out_of_use(house: House) -> None:
    """Detected by the first answer; incident, quarantine, reason in the route, fallback from then on."""
    provider, model = SWAPPED.split(":")
    house.steer("model", provider=provider, model=model, served_as="gpt-4o-2024-08-06", voice=3)
    house.cycle()
    (found,) = until(lambda: house.told("drift.detected"), "the detection")
    assert (found["tier"], found["signal"], found["model_id"]) == ("identity", "served_model", model)
    until(lambda: "model_drift" in house.incidents(), "the incident")
    until(lambda: house.out_of_use() == [SWAPPED], "the quarantine")
    assert "model_quarantined" in json.dumps(house("route", "L2", "primary", "--assume-keys"))
    seen = len(house.world.events())
    answered_by_the_stand_in(house)
    assert SWAPPED not in {f"{one.provider}:{one.model_id}" for one in house.world.events()[seen:]}


def answered_by_the_stand_in(house: House) -> None:
    """The next cycle's outlook is the fallback's."""
    models = {one["layer"]: f"{one['provider']}:{one['model_id']}" for one in house.cycle()["models"]}
    assert models["L2"] == STAND_IN


def the_quarantine_holds_until_it_is_released(house: House) -> None:
    """Over a restart; a release wants a reason, and then the model works again."""
    assert house.out_of_use() == [SWAPPED]
    answered_by_the_stand_in(house)
    house.steer("reset")
    assert house("drift", "release", SWAPPED, code=2)["error"]["code"] == "reason_missing"
    assert house.out_of_use() == [SWAPPED]
    house("drift", "release", SWAPPED, "--reason", "its provider rolled back")
    assert house.out_of_use() == []
    models = {one["layer"]: f"{one['provider']}:{one['model_id']}" for one in house.cycle()["models"]}
    assert models["L2"] == SWAPPED


def who_does_not_answer_has_not_failed(house: House) -> None:
    """Gold cases of a sound model pass; with every provider dead none fails, and nothing is quarantined."""
    detected = len(house.told("drift.detected"))
    (sound,) = house("shadow", "run", "--job", "gold", "--once")["runs"]
    assert sound["state"] == "done"
    (checked,) = house.told("drift.checked")
    assert checked["cases"] == checked["passed"] > 0
    house.simulator.kill()
    house.simulator.wait()
    (dead,) = house("shadow", "run", "--job", "gold", "--once", code=1)["runs"]
    assert dead["outcome"] == "unanswered"
    assert len(house.told("drift.checked")) == 1
    assert len(house.told("drift.detected")) == detected
    assert house.out_of_use() == []


def the_record_accounts_for_all(house: House) -> None:
    """Gate and chain hold; each run is in the list as it ended; what testnet lacks is told with figures."""
    replayed = house("gate", "replay")
    assert (replayed["holds"], replayed["decided_again"]) == (True, len(house.told("gate.decided")))
    assert house("ledger", "verify")["ok"] is True
    cycles = house.told("shadow.cycle.finished")
    assert [one["book"]["cycles"] for one in cycles] == list(range(1, len(cycles) + 1))
    for before, after in pairwise(cycles):
        assert after["book_before"] == book_digest(before["book"])
    listed = {one["name"]: one for one in house("jobs", "list")["jobs"]}
    begun = Counter(one["job"] for one in house.told("job.started"))
    assert {name: one["runs"] for name, one in listed.items()} == begun
    ended = Counter(one["job"] for one in house.told("job.finished"))
    ended.update(one["job"] for one in house.told("job.interrupted"))
    assert ended == begun
    assert (listed["desk"]["interrupted"], listed["gold"]["failed"]) == (1, 1)
    ready = house("readiness", "testnet", code=1)
    SHAPES["readiness"].model_validate(ready)
    by_id = {one["id"]: one for one in ready["criteria"]}
    assert by_id["min_cycles"]["found"]
    assert all(one["evidence"] for one in ready["criteria"])
