"""One person on call, with the real console at 80x24, over a workspace where everything runs for real."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from support.program import Peak
from tui.terminal_screen import Terminal

from peak_console.cli.demo_house import DemoHouse
from peak_console.control.running import running_nodes

pytestmark = pytest.mark.slow

SIZE: Final = {"columns": 80, "rows": 24}
COOLDOWN_S: Final = 1
TTL_S: Final = 5
PATIENCE_S: Final = 90.0
CONTROL: Final = (
    ("cooldown_s = 10 ", f"cooldown_s = {COOLDOWN_S} "),
    ("after_s = 3600", "after_s = 2"),  # the ramp's second step, so that it is seen
    ("failures = 5", "failures = 1000"),  # a provider's breaker would end the drill of arming
)
JOBS: Final = (("every 15s", "every 30s"), ("every 20s", "every 60s"))
TOKEN: Final = re.compile(r"^[^\w]*((?:[0-9A-Z*~$=-] {2}){11}[0-9A-Z*~$=])[^\w]*$", re.MULTILINE)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoHouse]:
    """A node, a simulator and traffic over a workspace of its own, with a short cooldown and ramp."""
    for name in ("keys", "state"):
        monkeypatch.setenv(f"PEAK_{name.upper()}_DIR", str(tmp_path / name))
    with DemoHouse(tmp_path / "desk", rate=6, seed=7) as running:
        for name, changes in (("control.toml", CONTROL), ("shadow/jobs.toml", JOBS)):
            config = running.ws.root / "configs" / name
            text = config.read_text(encoding="utf-8")
            for before, after in changes:
                assert text.count(before) == 1
                text = text.replace(before, after)
            config.write_text(text, encoding="utf-8")
        yield running


@pytest.fixture
def peak(tmp_path: Path, house: DemoHouse) -> Callable[..., Any]:
    """Run ``peak WORDS --json`` on the workspace; gives what it printed."""
    program = Peak({**os.environ, "NO_COLOR": "1"}, tmp_path)

    def run(*words: object, typed: str | None = None, code: int = 0) -> Any:
        done = program(*words, "--json", "--root", house.ws.root, typed=typed)
        assert done.code in {0, code}, done.out + done.err
        return done.document

    return run


def answer_as_forbidden_model(house: DemoHouse) -> None:
    """Have the simulator answer the traffic's next request under a model's name that policy forbids."""
    control = httpx.URL(house.addresses["openai"]).join("/_sim/fault")
    httpx.post(control, json={"kind": "forbidden_echo"}).raise_for_status()


class OnCall:
    """Somebody at the console: each method is a chapter, and waits for what must be seen before the next."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.token = ""

    def _bells(self) -> int:
        """How often the bell rang; a BEL that ends a title or the like is none."""
        return re.sub(rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", b"", bytes(self.terminal.raw)).count(b"\x07")

    def sees(self, *patterns: str) -> str:
        """Wait for the screen to show each of the patterns; gives it."""
        for pattern in patterns:
            self.terminal.wait(pattern, PATIENCE_S)
        return self.terminal.text

    def sees_no_more(self, words: str) -> None:
        """Wait until words have left the screen."""
        self.terminal.wait(rf"\A(?!(?s:.*){re.escape(words)})", PATIENCE_S)

    def fills_in(self, *values: str) -> None:
        """Type values, one field after the other."""
        self.terminal.press("\t".join(values), pause=0.05)

    def opens(self) -> None:
        """The console, over traffic that flows."""
        self.sees("● DISARMED.*SIMULATED", r"L\d +primary")
        assert not self._bells()

    def is_alarmed(self) -> str:
        """The bar names the incident and what is stopped; bell and title ring; gives the stopped layer."""
        self.sees(r"\A.*✗ INC 1 +policy violation")
        shown = self.sees(r"✗ incident policy violation: L\d: forbidden_model")
        found = re.search(r"policy violation: (L\d)", shown)
        assert found
        assert self._bells() == 1
        assert "✗ 1 INC policy_violation".encode() in self.terminal.raw
        return found[1]

    def looks(self, layer: str) -> str:
        """Next action, timeline and card of it; gives its id."""
        self.terminal.press("6")
        shown = self.sees(r"Incident .? ?inc_\w+", "policy_violation", f"layer:{layer} is stopped by itself")
        self.terminal.press("\t", pause=0.05)
        self.sees(r"timeline ─+ \d+ events", f"affects +layer:{layer}")
        found = re.search(r"inc_\w+", shown)
        assert found
        self.terminal.press("\x1b[F", pause=0.05)  # End: the card, in this incident's own words
        self.sees("whom to call", rf"peak enable --scope layer:{layer}", rf"close\s+{found[0]}")
        return found[0]

    def contains(self) -> None:
        """``! a``: three results with their times; the bar says it too."""
        self.terminal.press("!")
        self.sees("STOP +every call, every order")
        self.terminal.press("a")
        self.sees(
            r"✓ disarm +\d[\d.]* m?s",
            r"✓ stop +\d[\d.]* m?s +STOPPED, read back",
            r"\A *■ STOPPED",
            r"✓ capture +\d[\d.]* m?s +sealed",
        )
        self.terminal.press("escape", pause=0.05)
        self.sees_no_more("╭─ incident")

    def writes_down(self) -> None:
        """Seen, a note, closed with a note though it was only just seen."""
        self.terminal.press("i", pause=0.05)
        self.sees("acknowledge: I see it")
        self.terminal.press("the layer first", pause=0.05)
        self._records("acknowledged")
        self.terminal.press("n", pause=0.05)
        self.sees("╭─ note")
        self.terminal.press("a model under another name", pause=0.05)
        self._records("noted|note")
        self.terminal.press("x", pause=0.05)
        self.sees("╭─ close")
        self.terminal.press("the provider mended its name", pause=0.05)
        self.sees("records it")
        self.terminal.press("\x19", pause=0.05)  # ctrl+y
        self.sees("its cause still stands", "closes it all the same")  # asked once more
        self.terminal.press("\x19", pause=0.05)
        self.sees("none open")

    def _records(self, done: str) -> None:
        self.sees("records it")
        self.terminal.press("\x19", pause=0.05)  # ctrl+y
        self.sees_no_more("records it")
        self.sees(done)

    def recovers(self) -> None:
        """Enable with reason and typed word once the cooldown is over; the limits come back in steps."""
        self.terminal.press("e", pause=0.05)
        self.sees("╭─ enable calls")
        self.fills_in("the provider mended it", "ENABLE")
        self.sees("enables calls now")
        self.terminal.press("\x19")
        self.sees(r"\A *● DISARMED")
        self.sees(r"RAMP|ramp|limits at")

    def asks_for_a_drill(self) -> None:
        """The request as a drill; its token stands on the screen once."""
        self.terminal.press("5", pause=0.05)
        self.sees("NOT ARMED", "drill +✓ may be asked for")
        self.terminal.press("a", pause=0.05)
        self.sees("ask to be armed", "DRILL")
        self.fills_in("venue:paper", "", "weekly drill", f"\x15{TTL_S}s")
        self.sees("asks for a drill of arming")
        self.terminal.press("\x19", pause=0.05)
        shown = self.sees("the token, once", "never shown again")
        found = TOKEN.search(shown)
        assert found, shown
        self.token = found[1].replace(" ", "")
        phrase = re.search(r"DRILL venue:paper \d+ \w+", shown)
        assert phrase
        self.terminal.press("c", pause=0.05)
        assert self.token not in self.sees("confirm with the token", r"5 tries left")
        self.terminal.press("\t", pause=0.05)
        self.fills_in(self.token, phrase[0])
        assert self.token not in self.sees("begins the drill", "••••")
        self.terminal.press("\x19", pause=0.05)

    def watches_it_end(self) -> None:
        """The time that is left falls, and is over by itself."""
        seen: list[int] = []
        until = time.monotonic() + PATIENCE_S
        self.sees("nothing is armed: no gate accepts it")
        while "NOT ARMED" not in self.terminal.text and time.monotonic() < until:
            if found := re.search(r"\A.*DRILL\D*(\d+):(\d\d)", self.terminal.text):
                seen.append(int(found[1]) * 60 + int(found[2]))
            self.terminal.read(0.1)
        assert len(set(seen)) >= 2
        assert seen == sorted(seen, reverse=True)
        assert seen[0] <= TTL_S
        self.sees("NOT ARMED")


def test_on_call_story(house: DemoHouse, peak: Callable[..., Any], tmp_path: Path) -> None:
    """Alarm, look, stop and capture, read back, write down, recover, drill-arm, countdown, expiry."""
    ws = house.ws
    with Terminal([sys.executable, "-m", "peak_console", "console", "--root", str(ws.root)], **SIZE) as shown:
        person = OnCall(shown)
        person.opens()
        answer_as_forbidden_model(house)
        layer = person.is_alarmed()
        incident = person.looks(layer)
        person.contains()
        assert peak("status")["posture"]["state"] == "STOPPED"
        assert not (ws.control / "ENABLED").exists()
        assert (ws.control / "STOP").exists()
        assert peak("evidence", "verify", incident)["ok"] is True
        person.writes_down()
        person.recovers()
        person.asks_for_a_drill()
        person.watches_it_end()
        shown.press("q")
        shown.read(5)
    told = tail(peak)
    tells_in_order(told, [*story_of_an_alarm(layer), *story_of_a_person(), *story_of_a_drill()])
    tells_in_order(told, story_of_a_capture())
    drill = [one["body"] for one in told if one["kind"] == "drill.finished"][-1]
    assert (drill["drill"], drill["held"]) == ("arm", True)
    assert peak("ledger", "verify")["ok"] is True
    no_trace_of(person.token, tmp_path, told)


def test_on_call_by_commands_alone(house: DemoHouse, peak: Callable[..., Any], tmp_path: Path) -> None:
    """The same by ``peak`` and JSON, with the node killed in the middle: contained all the same."""
    ws = house.ws
    answer_as_forbidden_model(house)
    open_ones = until(lambda: peak("incident", "list")["incidents"], "an incident is open")
    incident, layer = open_ones[0]["incident_id"], open_ones[0]["scope"].partition(":")[2]
    (node,) = [one for one in running_nodes() if one.root == ws.root]
    os.kill(node.pid, signal.SIGKILL)
    contained = peak("incident", "now", "--reason", "the node died", code=1)  # 1: background work goes on
    done = {one["step"]: one for one in contained["steps"]}
    assert all(done[step]["ok"] for step in ("disarm", "stop", "capture"))
    assert all(one["ok"] or one["remedy"] for one in contained["steps"])
    assert contained["incident_id"] == incident
    assert peak("status")["posture"]["calls"] is False
    assert not (ws.control / "ENABLED").exists()
    assert peak("evidence", "verify", incident)["ok"] is True
    peak("node", "start")
    assert peak("status")["posture"]["state"] == "STOPPED"
    until(lambda: contained_on_record(tail(peak)), "the node records what was done without it")
    peak("incident", "ack", incident)
    peak("incident", "note", incident, "the node was killed")
    peak("incident", "close", incident, "--note", "mended", "--anyway")
    until(lambda: enabled_or_cooling(peak), "the cooldown is over")
    peak("enable", "--scope", f"layer:{layer}", "--reason", "mended", "--confirm", "ENABLE")
    until(lambda: "control.ramped" in [one["kind"] for one in tail(peak)], "the ramp's second step")
    asked = peak(
        "arm",
        "request",
        "--drill",
        "--scope",
        "venue:paper",
        "--purpose",
        "drill",
        "--reason",
        "drill",
        "--ttl",
        "2s",
        "--token-fd",
        "1",
    )
    peak("arm", "confirm", "--phrase", asked["phrase"], "--token-stdin", typed=asked["token"])
    until(lambda: peak("arm", "status")["state"] == "idle", "the drill ended by itself")
    told = tail(peak)
    tells_in_order(told, [*story_of_an_alarm(layer), *story_of_a_person(), *story_of_a_drill()])
    tells_in_order(told, story_of_a_capture())
    assert peak("ledger", "verify")["ok"] is True
    no_trace_of(asked["token"], tmp_path, told)


def enabled_or_cooling(peak: Callable[..., Any]) -> bool:
    """Whether calls are enabled now; as long as they are not, the cooldown alone may be why."""
    told = peak("enable", "--reason", "mended", "--confirm", "ENABLE", code=1)
    assert told.get("error", {}).get("code", "cooldown") == "cooldown"
    return "error" not in told


def contained_on_record(told: list[dict[str, Any]]) -> bool:
    """Whether the stop of everything and the sealed capture stand on the ledger."""
    stopped = [one for one in told if one["kind"] == "control.stopped" and one["body"]["scope"] == "global"]
    taken = [one["body"]["action"] for one in told if one["kind"] == "incident.action_taken"]
    return bool(stopped) and "capture" in taken


def tail(peak: Callable[..., Any]) -> list[dict[str, Any]]:
    """All that is on the ledger."""
    events: list[dict[str, Any]] = peak("ledger", "tail", "-n", 10_000)["events"]
    return events


def until(holds: Callable[[], Any], what: str) -> Any:
    """Ask until it holds; gives what was answered."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError(f"never: {what}")


NODE, PERSON = "node", r".+/operator:demo"
Told = tuple[str, str, dict[str, Any]]
"""A kind, a pattern of who, and what the body says among other things."""


def story_of_an_alarm(layer: str) -> list[Told]:
    """The node acts first and tells then."""
    return [
        ("control.stopped", NODE, {"scope": f"layer:{layer}"}),
        ("incident.opened", NODE, {"trigger": "policy_violation", "scope": f"layer:{layer}"}),
    ]


def story_of_a_person() -> list[Told]:
    """Contained without a key; what goes on from there stands under an operator's."""
    return [
        ("control.stopped", r"[^:]+", {"scope": "global"}),
        ("incident.acknowledged", PERSON, {"operator": "demo"}),
        ("incident.noted", PERSON, {"operator": "demo"}),
        ("incident.closed", PERSON, {"operator": "demo"}),
        ("control.enabled", PERSON, {"scope": "global"}),
        ("control.ramped", NODE, {"pct": 50}),
    ]


def story_of_a_capture() -> list[Told]:
    """Sealed, and told of; with a node that died the stop may come on record after it."""
    return [
        ("incident.opened", NODE, {"trigger": "policy_violation"}),
        ("evidence.sealed", r"[^:]+", {}),
        ("incident.action_taken", r"[^:]+", {"action": "capture", "ok": True}),
        ("incident.acknowledged", PERSON, {"operator": "demo"}),
    ]


def story_of_a_drill() -> list[Told]:
    """Asked for by a person, granted and ended by the node, by time alone."""
    return [
        ("control.arm.requested", PERSON, {"drill": True, "scope": "venue:paper"}),
        ("control.arm.granted", NODE, {"drill": True}),
        ("control.arm.expired", NODE, {"why": "ttl"}),
        ("drill.finished", NODE, {"drill": "arm", "held": True}),
    ]


def tells_in_order(told: list[dict[str, Any]], story: list[Told]) -> None:
    """Each part of the story stands in the ledger, after the one before it."""
    rest = iter(told)
    for kind, who, says in story:
        fits = any(
            one["kind"] == kind
            and re.fullmatch(who, one["actor"])
            and says.items() <= (one["body"] or {}).items()
            for one in rest
        )
        assert fits, (kind, who, says, [(one["kind"], one["actor"]) for one in told if one["kind"] == kind])


def no_trace_of(token: str, folder: Path, told: list[dict[str, Any]]) -> None:
    """Neither as shown nor without its dash does it stand in a file, nor in an event's body."""
    forms = {token, token.replace("-", "")}
    assert len(token.replace("-", "")) == 11
    assert not [one for one in forms if one in json.dumps(told)]
    kept = [one for one in folder.rglob("*") if one.is_file()]
    assert len(kept) > 20
    for one in kept:
        try:
            data = one.read_bytes().upper()
        except FileNotFoundError:  # the node that runs replaces its files
            continue
        assert not [form for form in forms if form.encode() in data], one
