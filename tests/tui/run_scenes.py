"""Scenes of runs for snapshot tests: the console's scenes, with runs, events, packs and what takes long."""

# ruff: noqa: E501, FBT003 - tables of made-up figures read better in one line

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from console_scenes import HOSTILE, NANO, NOW, scene

from peak_console.domain.events import LedgerEvent
from peak_console.domain.verdict import Verdict
from peak_console.evidence.verified import FileState, PackVerified, State
from peak_console.operations.runs import RunLine
from peak_console.operations.views.call_detail import ChainPlace
from peak_console.operations.views.fake import FakeSource
from peak_console.operations.views.freshness import Freshness
from peak_console.operations.views.packs import PackRow
from peak_console.operations.views.run_detail import ArtefactLine, EventDetail, PackState, RunDetail
from peak_console.operations.views.runs import IndexState
from peak_console.operations.views.timeline import line_of_event, timeline
from peak_console.operations.views.work import ChainVerified, EventProved

HEAD = 184_220
PURPOSES = (
    "outlook EURUSD, 6 h",
    "daily risk review",
    "what moved the range",
    "leverage check",
    "news digest",
)
REPORT = (
    "# Critic report\n\nVerdict: **REVIEW**, by `openai gpt-5.2` for L3.\n\n## Findings\n\n"
    "1. *risk, medium*: the stop distance is not derived from volatility.\n"
    "2. *data, low*: see [the calendar](https://example.org/x) and ![a chart](http://evil.example/p.png).\n\n"
    "> The answer names no time at which it stops to hold.\n\n<script>alert(1)</script>\n\n"
    "| Check | Result |\n|---|---|\n| separation of duties | holds |\n"
)


def freshness_of(name: str) -> Freshness:
    """How old the figures of a scene are."""
    if name == "stale":
        return Freshness(NOW - timedelta(seconds=252), "database is locked by another program")
    return Freshness(NOW)


@lru_cache
def run_lines(name: str, count: int = 500) -> tuple[RunLine, ...]:
    """Runs, newest first."""
    if name == "empty":
        return ()
    dice = random.Random(11)  # noqa: S311 - made-up figures
    lines, seq, at = [], HEAD, NOW - timedelta(seconds=252 if name == "stale" else 4)
    for number in range(count):
        line = _line(number, seq, at, dice, alarming=name == "alarming")
        lines.append(replace(line, purpose=HOSTILE, phase=HOSTILE) if name == "hostile" else line)
        seq, at = line.seq - dice.randint(1, 4), line.started - timedelta(seconds=dice.randint(5, 240))
    return tuple(lines)


def _line(number: int, seq: int, at: datetime, dice: random.Random, *, alarming: bool) -> RunLine:
    calls = dice.randint(1, 7)
    bad = dice.random() < (0.5 if alarming else 0.12)
    open_now = number == 0
    outcome = "open" if open_now else "failed" if bad and dice.random() < 0.6 else "ok"
    verdicts = [Verdict.FAIL, Verdict.REVIEW] if bad else [Verdict.PASS, Verdict.PASS, Verdict.REVIEW]
    layers = tuple(sorted(dice.sample(["L0", "L1", "L2", "L3", "L4"], dice.randint(1, 3))))
    started = at - timedelta(seconds=calls * 4)
    return RunLine(
        f"{started:%Y%m%d_%H%M%S}_{number:03d}k9x",
        seq - calls * 5,
        seq,
        started,
        None if open_now else at,
        at,
        phase="bootstrap" if number % 9 else "shadow",
        layers=layers,
        layer=layers[-1],
        purpose=PURPOSES[number % len(PURPOSES)],
        actor="mara agent:outlook",
        outcome=outcome,
        calls=calls,
        hops=calls + bad,
        in_flight=int(open_now),
        failed=int(bad),
        fallbacks=int(bad),
        verdict="" if open_now else dice.choice(verdicts).value,
        gate="" if number % 3 else "BLOCK" if bad else "ALLOW",
        cost=dice.randint(2, 900) * NANO // 1000,
        at_bound=NANO // 50 if bad and number % 2 else 0,
        tokens_in=calls * 1840,
        tokens_out=calls * 420,
        artefacts=2,
        simulated=True,
        evidence="audits/x/evidence" if number % 4 == 1 else "",
    )


def run_events(name: str, line: RunLine) -> list[LedgerEvent]:
    """The events of one run: input, two calls with a fallback, the critic, the gate, an order."""
    hostile = name == "hostile"
    model = HOSTILE if hostile else "gpt-5.2"
    first = {"call_id": "call_a", "layer": "L3", "role": "primary", "provider": "openai", "model_id": model}
    second = first | {"role": "fallback", "provider": "google", "model_id": "gemini-2.5-pro"}
    judge = {
        "call_id": "call_b",
        "layer": "L4",
        "role": "critic",
        "provider": "openai",
        "model_id": "gpt-5.2",
    }
    finding = {
        "category": "risk",
        "severity": "medium",
        "rationale": HOSTILE if hostile else "The stop distance is not derived from volatility.",
    }
    usage = {"input": 3120, "output": 640}
    bad = name == "alarming"
    told: list[tuple[float, str, dict[str, Any], dict[str, str]]] = [
        (0, "run.started", {"purpose": line.purpose, "phase": line.phase}, {}),
        (0.02, "llm.call.requested", {"hop": 1, "prompt_name": "market-outlook", "prompt_version": "1"}, first),
        (2.1, "llm.call.failed", {"hop": 1, "reason": "timeout", "detail": "no answer in 2 s",
                                  "cost_eur": "0.000000000", "latency_us": 2_080_000}, first),
        (2.11, "llm.fallback.taken", {"from": {"model_id": model}, "to": {"model_id": "gemini-2.5-pro"},
                                      "reason": "timeout"}, second),
        (2.12, "llm.call.requested", {"hop": 2}, second),
        (4.9, "llm.call.completed", {"hop": 2, "cost_eur": "0.031482500", "latency_us": 2_780_000,
                                     "usage": usage, "served_model": "gemini-2.5-pro"}, second),
        (5.0, "llm.call.requested", {"hop": 1, "purpose": "judge L3"}, judge),
        (7.3, "llm.call.completed", {"hop": 1, "cost_eur": "0.012100000", "latency_us": 2_290_000, "usage": usage}, judge),
        (7.31, "critic.judged", {"verdict": "FAIL" if bad else "REVIEW", "findings": [finding],
                                 "judged_call_id": "call_a"}, judge),
        (7.5, "gate.decided", {"verdict": "BLOCK" if bad else "ALLOW", "reasons": ["leverage above its limit"] if bad else []}, {}),
    ]  # fmt: skip
    if not bad:
        told.append((7.6, "order.submitted", {"side": "sell", "quantity": "10000", "symbol": "EURUSD"}, {}))
    told.append((8.2, "run.finished", {"outcome": line.outcome, "artefacts": [{}, {}], "calls": 2}, {}))
    return [
        LedgerEvent(
            line.seq + at,
            f"ev_{at}",
            f"{line.started + timedelta(seconds=after):%Y-%m-%dT%H:%M:%S.%f}Z",
            0,
            kind,
            line.actor,
            "ab" * 32,
            "cd" * 32,
            "ef" * 32,
            run_id=line.run_id,
            body=body,
            **header,
        )
        for at, (after, kind, body, header) in enumerate(told)
    ]


def run_page(name: str, line: RunLine) -> RunDetail:
    """A run's page."""
    events = run_events(name, line)
    changed = "changed" if name == "alarming" else "ok"
    return RunDetail(
        line.run_id,
        line,
        timeline(events),
        first_seq=events[0].seq,
        last_seq=events[-1].seq,
        p50_ms=2290.0,
        longest_ms=2780.0,
        artefacts=(
            ArtefactLine("outlook/result.md", "9f" * 32, 2140, "ok"),
            ArtefactLine(
                "outlook/risks.md",
                "8e" * 32,
                512,
                changed,
                "its content has another hash" if changed != "ok" else "",
            ),
        ),
        pack=PackState("sealed", 1, 14, 96_200) if line.evidence else PackState(),
        freshness=freshness_of(name),
    )


def event_page(name: str, line: RunLine, event: LedgerEvent) -> EventDetail:
    """An event's page."""
    place = ChainPlace(
        event.seq,
        event.kind,
        event.event_id,
        event.hash,
        event.prev_hash,
        event.body_sha256,
        True,
        True,
        True,
    )
    return EventDetail(
        event.seq,
        kind=event.kind,
        at=line.started,
        event={**event.header(), "body": dict(event.body or {})},
        run_id=line.run_id,
        call_id=event.call_id or "",
        place=place,
        head_seq=HEAD,
        why="it judged call call_a with 1 findings",
        line=line_of_event(event, line.started),
        freshness=freshness_of(name),
    )


def packs(name: str) -> list[PackRow]:
    """Sealed packs, newest first."""
    sealed = [line for line in run_lines(name) if line.evidence and name != "empty"][:9]
    states = ("unverified", "ok", "broken") if name == "alarming" else ("unverified", "ok", "ok")
    return [
        PackRow(
            line.run_id, 1 + at % 2, line.last + timedelta(minutes=1), 14, 96_200 + at, states[at % 3],
            f"audits/{line.run_id}/evidence", at != 5,
        )
        for at, line in enumerate(sealed)
    ]  # fmt: skip


@lru_cache
def _console(name: str) -> FakeSource:
    return scene(name)


@lru_cache
def _run_pages(name: str) -> dict[str, RunDetail]:
    return {line.run_id: run_page(name, line) for line in run_lines(name)[:40]}


@lru_cache
def _event_pages(name: str) -> dict[int, EventDetail]:
    return {
        event.seq: event_page(name, line, event)
        for line in run_lines(name)[:40]
        for event in run_events(name, line)
    }


def run_scene(name: str) -> FakeSource:
    """A console's scene with runs; ``behind`` and ``unindexed`` are those of the index."""
    known = name if name in {"empty", "alarming", "stale", "hostile"} else "normal"
    source = replace(_console(known))
    source.run_lines = list(run_lines(known))
    source.run_pages = dict(_run_pages(known))
    source.event_pages = dict(_event_pages(known))
    source.pack_rows = packs(known)
    source.index = {
        "behind": IndexState(HEAD - 12_400, HEAD),
        "unindexed": IndexState(0, HEAD, "there is no index yet", "start the node: peak node start"),
    }.get(name, IndexState(HEAD, HEAD))
    return source


Progress = Callable[[str, int, int], None]


class MadeUpWork:
    """What takes long, done at once: for screens, not for what they rely on."""

    def __init__(self, name: str = "normal") -> None:
        self._bad = name == "alarming"
        self.asked: list[tuple[Any, ...]] = []

    def verify_range(
        self, first: int, last: int, progress: Progress, cancelled: Callable[[], bool]
    ) -> ChainVerified:
        """A chain that is whole, or broken in the alarming scene."""
        self.asked.append(("verify", first, last, cancelled()))
        progress("chain", 1, last - first + 1)
        if self._bad:
            return ChainVerified(
                False, first, first + 3, last, first + 4, "edited_body", "the body was edited", 0.4
            )
        return ChainVerified(True, first, last, last, seconds=0.4)

    def prove(self, seq: int) -> EventProved:
        """A proof, or a head that is not signed yet."""
        if self._bad:
            return EventProved("waiting", f"event {seq:,} is not signed yet", remedy="wait for the next head")
        return EventProved("proved", "in the signed ledger", HEAD, 17, "SHA256:q3Zk")

    def verify_pack(
        self, run_id: str, edition: int, progress: Progress, cancelled: Callable[[], bool]
    ) -> PackVerified:
        """A pack that is whole, or one that was meddled with in the alarming scene."""
        self.asked.append(("pack", run_id, edition, cancelled()))
        progress("files", 1, 2)
        names = (
            "config/limits.toml",
            "costs.json",
            "critic_report.md",
            "events.jsonl",
            "manifest.json",
            "notes.md",
        )
        states = {"costs.json": State.CHANGED, "notes.md": State.EXTRA, "config/limits.toml": State.MISSING}
        files = tuple(
            FileState(
                one,
                0 if self._bad and states.get(one) is State.MISSING else 1840,
                "text/markdown" if one.endswith(".md") else "application/json",
                states.get(one, State.OK) if self._bad else State.OK,
            )
            for one in names
        )
        problems = tuple(f"{path}: {state.value}" for path, state in states.items()) if self._bad else ()
        return PackVerified(
            not self._bad, run_id, "9f" * 32, files, not self._bad, 0 if self._bad else 41, problems,
            ("2 texts were struck out",), HEAD,
        )  # fmt: skip

    def read_file(self, run_id: str, edition: int, path: str) -> bytes:
        """A report, or JSON."""
        self.asked.append(("read", run_id, edition, path))
        return (
            REPORT.encode()
            if path.endswith(".md")
            else b'{"cost_eur": "0.043582500", "calls": [1, {"a": null}]}'
        )

    def build(self, run_id: str, *, incomplete: bool = False) -> str:
        """Where the pack would lie."""
        self.asked.append(("build", run_id))
        return f"audits/{run_id}/evidence"

    def export(self, run_id: str, edition: int, now: datetime) -> str:
        """Where the archive would lie."""
        self.asked.append(("export", run_id, edition, now))
        return f"audits/exports/evidence-{run_id}.tar.gz"
