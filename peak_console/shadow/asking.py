"""What the layers of a cycle are asked: prompts of the workspace, and data fenced off as what it is. Pure.

Bars, outlook and book stand between marker lines with a number that their authors cannot know, with control
and invisible characters made visible: nothing in them is addressed to the layer that reads them.
"""

from dataclasses import dataclass
from typing import Final

from peak_console.config.configs import Configs
from peak_console.config.jobs import CycleSettings
from peak_console.critic.brief import TASK_LIMIT
from peak_console.critic.service import JudgePrompts
from peak_console.domain.calls import CallRequest, Message
from peak_console.domain.clock import iso
from peak_console.domain.ids import RandomBytes
from peak_console.domain.outlook import Outlook
from peak_console.domain.text import one_line, plain
from peak_console.domain.vocabulary import Layer
from peak_console.risk.book import held
from peak_console.risk.document import number_text
from peak_console.shadow.book import Book
from peak_console.shadow.snapshot import Snapshot

OUTLOOK_TASK: Final = (
    "The task was: an outlook on one instrument for a number of hours, from bars alone, as one JSON object "
    "with the keys summary, reference_level, horizon_h, scenarios (name, probability_pct, closes_from, "
    "closes_below, story), uncertainty, no_trade_triggers, data_issues, confidence."
)
HYPOTHESIS_TASK: Final = (
    "The task was: one hypothesis that can be proved wrong, from an outlook and bars, as one JSON object "
    "with the keys view, conviction, thesis, evidence_refs, reference_level, invalidation_level, horizon_h, "
    "no_trade_reason."
)


@dataclass(frozen=True, slots=True)
class Given:
    """What the author of a hypothesis is given."""

    snapshot: Snapshot
    outlook: Outlook
    book: Book


def outlook_request(
    configs: Configs, settings: CycleSettings, snapshot: Snapshot, random: RandomBytes
) -> CallRequest:
    """The question to L2; raises ``ConfigInvalid`` where the prompt is missing."""
    words = (
        f"Write the outlook on {settings.instrument} for the next {settings.horizon_h} hours.\n\n"
        f"{_described(snapshot)}\n\n{fenced('BARS', snapshot.table(), random)}"
    )
    return _request(configs, settings.outlook_prompt, Layer.L2, words, "shadow outlook")


def hypothesis_request(
    configs: Configs, settings: CycleSettings, given: Given, random: RandomBytes
) -> CallRequest:
    """The question to L3; raises ``ConfigInvalid`` where the prompt is missing."""
    snapshot = given.snapshot
    words = (
        f"Write the hypothesis on {settings.instrument}, or say that there is none.\n\n"
        f"{_described(snapshot)}\n\n"
        f"{fenced('BARS', snapshot.table(), random)}\n\n"
        f"{fenced('OUTLOOK', given.outlook.model_dump_json(indent=1), random)}\n\n"
        f"{fenced('BOOK', book_words(given.book, settings.instrument), random)}"
    )
    return _request(configs, settings.hypothesis_prompt, Layer.L3, words, "shadow hypothesis")


def judge_prompts(configs: Configs, settings: CycleSettings) -> JudgePrompts:
    """The prompts of a cycle's judges; raises ``ConfigInvalid`` where one is missing, before any is asked."""
    for one in (settings.critic_prompt, settings.verdict_prompt):
        configs.prompts.get(one)
    return JudgePrompts(settings.critic_prompt, settings.verdict_prompt)


def judged_outlook(settings: CycleSettings, snapshot: Snapshot) -> str:
    """What a judge of the outlook is told of its task, and as many of the newest bars as fit."""
    told = f"{OUTLOOK_TASK}\n\nHours: {settings.horizon_h}. {_described(snapshot)}"
    return f"{told}\n\n{_fitting(snapshot, TASK_LIMIT - len(told) - 2)}"


def judged_hypothesis(settings: CycleSettings, given: Given) -> str:
    """What a judge of the hypothesis is told of its task: the outlook, the book, and bars as they fit."""
    told = (
        f"{HYPOTHESIS_TASK}\n\nHours: {settings.horizon_h}. {_described(given.snapshot)}\n\n"
        f"{book_words(given.book, settings.instrument)}\n\nThe outlook:\n{given.outlook.model_dump_json()}"
    )
    return f"{told}\n\n{_fitting(given.snapshot, TASK_LIMIT - len(told) - 2)}"


def _fitting(snapshot: Snapshot, room: int) -> str:
    """The newest bars that fit into ``room`` characters, and what the others come to."""
    rows = [",".join(bar.row()) for bar in snapshot.bars]
    high, low = max(bar.high for bar in snapshot.bars), min(bar.low for bar in snapshot.bars)
    head = (
        f"All {len(rows)} bars: highest {high}, lowest {low}. The newest, as time,open,high,low,close,volume:"
    )
    left, taken = room - len(head) - 1, 0
    while taken < len(rows) and left >= len(rows[-1 - taken]) + 1:
        left -= len(rows[-1 - taken]) + 1
        taken += 1
    return "\n".join([head, *rows[len(rows) - taken :]])


def book_words(book: Book, instrument: str) -> str:
    """What a book holds of an instrument, in a sentence."""
    quantity = held(book.paper, instrument)
    if quantity == 0:
        return f"The paper book holds no {instrument}."
    way = "long" if quantity > 0 else "short"
    idea = book.idea(instrument)
    until = (
        f" Its hypothesis is wrong at {number_text(idea.invalidation)} and over at {iso(idea.expires_at)}."
        if idea
        else ""
    )
    return f"The paper book is {way} {instrument}.{until}"


def fenced(name: str, text: str, random: RandomBytes) -> str:
    """``text`` between marker lines that it does not hold."""
    mark = random(8).hex()
    while mark in text:
        mark = random(8).hex()
    return f"<<<DATA {name} {mark}>>>\n{plain(text)}\n<<<END {name} {mark}>>>"


def _described(snapshot: Snapshot) -> str:
    bars = snapshot.bars
    first, last = f"{bars[0].start:%Y-%m-%d %H:%M}", f"{snapshot.last.start:%Y-%m-%d %H:%M}"
    told = [
        f"Instrument {snapshot.instrument}; {len(bars)} bars of {snapshot.bar_s} s from {first} to {last};",
        "times are their starts in UTC.",
        f"The moment is {snapshot.as_of:%Y-%m-%d %H:%M}; the newest bar ended {snapshot.age_s} s before it.",
    ]
    if snapshot.stale:
        told.append("The data is STALE: older than it may be.")
    missing = sum(one.missing for one in snapshot.gaps)
    if missing:
        told.append(f"{missing} bars are missing in between, in {len(snapshot.gaps)} gaps.")
    told.append(f"Source: {one_line(snapshot.source.name, 120)}.")
    return " ".join(told)


def _request(configs: Configs, reference: str, layer: Layer, words: str, purpose: str) -> CallRequest:
    prompt = configs.prompts.get(reference)
    return CallRequest(
        layer=layer,
        messages=(Message(role="system", content=prompt.text), Message(role="user", content=words)),
        prompt_name=prompt.name,
        prompt_version=prompt.version,
        purpose=purpose,
    )
