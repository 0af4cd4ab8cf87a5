"""What the soak does to the workspace, by what each must be noticed, and how it is taken back."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peak_console.cli.demo_house import DemoHouse
from peak_console.control.files import NODE
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.ledger.reader import LedgerReader
from peak_console.node.spawn import ensure_node

PAGE = 500


@dataclass
class World:
    """The workspace under disturbance."""

    house: DemoHouse
    environment: Path
    jobs: Callable[[], int]
    """Cycles finished so far."""
    kills: int = 0

    def steer(self, what: str, **fields: Any) -> None:
        """Steer the simulator."""
        base = re.match(r"http://[^/]+", next(iter(self.house.addresses.values())))
        assert base is not None
        asked = urllib.request.Request(  # noqa: S310 - the simulator, on loopback
            f"{base[0]}/_sim/{what}", json.dumps(fields).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - as above
            assert answer.status == 200

    def peak(self, *words: str) -> None:
        """An operator's command; raises with what it said where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "peak_console", *words, "--root", str(self.house.ws.root)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"peak {' '.join(words)}: {done.stdout}{done.stderr}")

    def config(self, name: str, change: Callable[[str], str]) -> None:
        """Edit a config file as by hand."""
        path = self.house.ws.root / name
        new = path.with_suffix(".new")
        new.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        new.replace(path)

    def kill_node(self) -> None:
        """SIGKILL the node and start the next one, as a service manager would."""
        pid = json.loads((self.house.ws.control / NODE).read_bytes())["pid"]
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        until = time.monotonic() + 30
        while True:
            try:
                ensure_node(
                    self.house.ws, simulated=True, with_parent=True, environment_file=self.environment
                )
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return

    def events(self, after: int) -> list[LedgerEvent]:
        """The ledger behind a place."""
        found: list[LedgerEvent] = []
        with LedgerReader(self.house.ws.ledger) as reader:
            while page := reader.read(after, PAGE):
                found += page
                after = page[-1].seq
        return found

    def head(self) -> int:
        """The ledger's last place."""
        with LedgerReader(self.house.ws.ledger) as reader:
            return reader.head()[0]


Noticed = Callable[[LedgerEvent], bool]


@dataclass
class Disturbance:
    """Begun at cycle ``at``, taken back ``lasts`` cycles after it was noticed."""

    name: str
    at: int
    begin: Callable[[World], object]
    by: tuple[tuple[str, Noticed], ...]
    """By which events, each with how it reads; every one of them must come."""
    undo: Callable[[World], object] = lambda _: None
    lasts: int = 4
    within: int = 60
    """Cycles until which it must be noticed."""
    begun: tuple[int, float, int] | None = None
    """Cycle, time and place in the ledger at which it began."""
    noticed: dict[str, tuple[int, float, int]] = field(default_factory=dict)
    undone_at: int | None = None

    @property
    def whole(self) -> bool:
        """Whether everything that must notice it has."""
        return len(self.noticed) == len(self.by)


def body(event: LedgerEvent) -> Mapping[str, Any]:
    """An event's body."""
    return event.body or {}


def drift(signal_name: str, model: str) -> Noticed:
    """A detection of a signal of a model."""

    def noticed(event: LedgerEvent) -> bool:
        told = body(event)
        return (
            event.kind == EventKind.DRIFT_DETECTED
            and told.get("signal") == signal_name
            and f"{told.get('provider')}:{told.get('model_id')}" == model
        )

    return noticed


def quarantined(model: str) -> Noticed:
    """The quarantine of a model."""
    return lambda event: (
        event.kind == EventKind.MODEL_QUARANTINED
        and f"{body(event).get('provider')}:{body(event).get('model_id')}" == model
    )


def of_kind(kind: EventKind, **fields: Any) -> Noticed:
    """An event of a kind, with these fields in its body."""
    return lambda event: event.kind == kind and all(body(event).get(k) == v for k, v in fields.items())


def _released(world: World) -> None:
    """Release whatever is out of use."""
    events = world.events(0)
    last: dict[str, str] = {}
    for one in events:
        if one.kind in {EventKind.MODEL_QUARANTINED, EventKind.MODEL_RELEASED}:
            last[f"{body(one).get('provider')}:{body(one).get('model_id')}"] = one.kind
    for model, kind in last.items():
        if kind == EventKind.MODEL_QUARANTINED:
            _release(world, model)


def _release(world: World, model: str) -> None:
    world.peak("drift", "release", model, "--reason", "soak: looked at")


def _no_money(text: str) -> str:
    return text.replace("max_calls_per_min = 100_000", "max_calls_per_min = 1")


def _money(text: str) -> str:
    return text.replace("max_calls_per_min = 1\n", "max_calls_per_min = 100_000\n")


def _stopped_for_a_while(world: World) -> None:
    """What was due meanwhile is told once runs may begin again."""
    world.peak("stop", "--reason", "soak")
    time.sleep(12)  # the demo's cooldown
    world.peak("enable", "--reason", "soak", "--confirm", "ENABLE")


OUTLOOK, ADVICE = "openai:gpt-5-mini", "openai:gpt-5.2"
QUICK = 0.15
"""The simulator's delays are cut to this, so that two weeks fit into an hour."""
MODELS = (
    *(("openai", name) for name in ("gpt-5-mini", "gpt-5.2", "gpt-5.1", "gpt-5", "gpt-5-nano")),
    *(("google", name) for name in ("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-3.8-flash")),
    ("mistral", "mistral-medium-2604"),
)


def quicken(world: World) -> None:
    """Cut every model's delays."""
    for provider, model in MODELS:
        world.steer("model", provider=provider, model=model, latency=QUICK)


def _as_it_was(world: World, model: str) -> None:
    """Take a model's change back, but for its cut delays."""
    world.steer("model", provider="openai", model=model, end=True)
    world.steer("model", provider="openai", model=model, latency=QUICK)


BUDGETS = "configs/ai/budgets.toml"


def _of_what_runs(at: Callable[[float], int]) -> list[Disturbance]:
    """Providers, node, money and lock; ``at`` gives the cycle of a share of them all."""
    return [
        Disturbance(
            "provider out for 30 s",
            at(0.06),
            lambda world: world.steer("outage", provider="openai", seconds=30),
            (
                ("llm.fallback.taken", of_kind(EventKind.FALLBACK_TAKEN)),
                ("breaker.tripped", of_kind(EventKind.BREAKER_TRIPPED)),
            ),
        ),
        Disturbance(
            "node killed (1)", at(0.12), World.kill_node, (("node.started", of_kind(EventKind.NODE_STARTED)),)
        ),
        Disturbance(
            "budget used up",
            at(0.18),
            lambda world: world.config(BUDGETS, _no_money),
            (
                (
                    "budget.exceeded or refused",
                    lambda one: one.kind in {"budget.exceeded", "llm.call.refused"},
                ),
                (
                    "a cycle that says so",
                    lambda one: (
                        one.kind == EventKind.SHADOW_CYCLE_FINISHED
                        and "budget" in str(body(one).get("reasons"))
                    ),
                ),
            ),
            undo=lambda world: world.config(BUDGETS, _money),
        ),
        Disturbance(
            "node killed (2)", at(0.26), World.kill_node, (("node.started", of_kind(EventKind.NODE_STARTED)),)
        ),
        Disturbance(
            "node killed (3)", at(0.32), World.kill_node, (("node.started", of_kind(EventKind.NODE_STARTED)),)
        ),
        Disturbance(
            "(a new lock: names, baselines)",
            at(0.38),
            lambda world: world.peak("lock", "write", "--reason", "soak", "--attest", "soak"),
            (("lock.written", of_kind(EventKind.LOCK_WRITTEN)),),
        ),
    ]


def _of_models(at: Callable[[float], int]) -> list[Disturbance]:
    """Models that are exchanged, slow down or judge otherwise; ``at`` as above."""
    return [
        Disturbance(
            "another model under another name",
            at(0.44),
            lambda world: world.steer(
                "model", provider="openai", model="gpt-5-mini", served_as="gpt-5-mini-2026-11-01"
            ),
            (
                ("drift.detected served_model", drift("served_model", OUTLOOK)),
                ("model.quarantined", quarantined(OUTLOOK)),
            ),
            undo=lambda world: (
                _as_it_was(world, "gpt-5-mini"),
                _release(world, OUTLOOK),
            ),
        ),
        Disturbance(
            "another model under the same name",
            at(0.55),
            lambda world: world.steer("model", provider="openai", model="gpt-5.2", voice=3),
            (("drift.detected canary", drift("canary", ADVICE)), ("model.quarantined", quarantined(ADVICE))),
            undo=lambda world: (
                _as_it_was(world, "gpt-5.2"),
                _release(world, ADVICE),
            ),
        ),
        Disturbance(
            "answers three times slower",
            at(0.70),
            lambda world: world.steer("model", provider="openai", model="gpt-5-mini", latency=3 * QUICK),
            (
                (
                    "drift.detected latency or an incident",
                    lambda one: (
                        drift("latency", OUTLOOK)(one)
                        or of_kind(EventKind.INCIDENT_OPENED, trigger="latency_spike")(one)
                    ),
                ),
            ),
            undo=lambda world: _as_it_was(world, "gpt-5-mini"),
            within=100,
        ),
        Disturbance(
            "critics fail far more",
            at(0.80),
            lambda world: world.steer("model", provider="openai", model="gpt-5.1", critic_fail=0.8),
            (
                (
                    "drift.detected critic_fail or an incident",
                    lambda one: (
                        drift("critic_fail", ADVICE)(one)
                        or of_kind(EventKind.INCIDENT_OPENED, trigger="critic_fail_rate")(one)
                    ),
                ),
            ),
            undo=lambda world: (_as_it_was(world, "gpt-5.1"), _released(world)),
        ),
    ]


def disturbances(cycles: int) -> list[Disturbance]:
    """All of them, spread over ``cycles``; what must be learnt first comes late."""

    def at(share: float) -> int:
        return round(cycles * share)

    return [
        *_of_what_runs(at),
        *_of_models(at),
        Disturbance(
            "operator's stop and enable",
            at(0.90),
            _stopped_for_a_while,
            (("job.missed (stopped)", of_kind(EventKind.JOB_MISSED, why="stopped")),),
            lasts=0,
        ),
    ]
