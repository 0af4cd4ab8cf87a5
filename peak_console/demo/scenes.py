"""The kinds of run the demo plays: chatter, research, an outlook, advice upon an outlook."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from peak_console.budget.limits import Scope
from peak_console.config.configs import Configs
from peak_console.critic.service import Critic, Review
from peak_console.critic.slots import Signals
from peak_console.demo import reporting, tasks
from peak_console.demo.market import Window
from peak_console.demo.tasks import Task
from peak_console.domain.artefacts import result_faults
from peak_console.domain.calls import CallRequest, CallResult
from peak_console.domain.money import decimal_from_nano
from peak_console.domain.vocabulary import Layer

_ASKED_FOR: Final = {Layer.L0: 0.08, Layer.L1: 0.25, Layer.L2: 0.3, Layer.L3: 0.0}
"""How often an author wishes to be judged though nothing demands it."""


class Scribe(Protocol):
    """What a scene needs of its run."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        ...

    async def call(self, request: CallRequest) -> CallResult:
        """One governed call of the run."""
        ...

    def write_artefact(self, agent: str, name: str, text: str) -> object:
        """Write an artefact of the run."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scene is played: its run, the configs as they stand, its critic, data, and randomness."""

    run: Scribe
    configs: Configs
    critic: Critic
    window: Window
    draw: random.Random


async def play_chatter(stage: Stage) -> None:
    """An L0 note, judged now and then."""
    await _produced(stage, tasks.chatter(stage.configs, stage.window, stage.draw))


async def play_research(stage: Stage) -> None:
    """An answer of L1 to a research question."""
    await _produced(stage, tasks.research(stage.configs, stage.window, stage.draw))


async def play_outlook(stage: Stage) -> None:
    """An L2 outlook, judged as the phase demands or its author wishes."""
    await _produced(stage, tasks.outlook(stage.configs, stage.window, stage.draw))


async def play_advice(stage: Stage) -> None:
    """An L2 outlook, an L3 plan upon it, and L4's critique of the plan."""
    task = tasks.outlook(stage.configs, stage.window, stage.draw)
    outlook = await _produced(stage, task, critic="outlook-critic")
    await _produced(stage, tasks.advice(stage.configs, stage.window, outlook.text, outlook.call_id))


Scene = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Part:
    """A scene with the layer its run belongs to, its purpose and how often it is played."""

    scene: Scene
    layer: Layer
    purpose: str
    weight: int


PARTS: Final = (
    Part(play_chatter, Layer.L0, "ops chatter", 46),
    Part(play_research, Layer.L1, "research", 8),
    Part(play_outlook, Layer.L2, "market outlook", 26),
    Part(play_advice, Layer.L3, "trade plan", 20),
)


async def _produced(stage: Stage, task: Task, critic: str = "critic") -> CallResult:
    """One answer with its review and its artefacts, the critic's among them."""
    answer = await stage.run.call(task.request)
    review = await stage.critic.review(answer, task=task.words, signals=_signals(stage, answer))
    _write(stage.run, task, answer, review, critic)
    return answer


def _signals(stage: Stage, answer: CallResult) -> Signals:
    layer = Layer(answer.layer)
    return Signals(
        low_confidence=reporting.low_confidence(answer.text),
        malformed=layer is not Layer.L0 and bool(result_faults(answer.text)),
        cost_share_pct=_cost_share_pct(stage.configs, answer),
        asked_for=stage.draw.random() < _ASKED_FOR[layer],
    )


def _cost_share_pct(configs: Configs, answer: CallResult) -> Decimal | None:
    caps = [one.max_cost for one in configs.budgets.limits.limits if one.scope is Scope.CALL and one.max_cost]
    if not caps:
        return None
    return Decimal(answer.cost_eur) * 100 / decimal_from_nano(min(caps))


def _write(run: Scribe, task: Task, answer: CallResult, review: Review, critic: str) -> None:
    run.write_artefact(task.agent, "result.md", reporting.result_page(run.run_id, task, answer, review))
    run.write_artefact(task.agent, "risks.md", reporting.risks_page(run.run_id, task, answer, review))
    if review.reports:
        run.write_artefact(critic, "result.md", reporting.critic_page(run.run_id, critic, answer, review))
        run.write_artefact(critic, "risks.md", reporting.critic_risks(run.run_id, critic, review))
