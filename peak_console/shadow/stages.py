"""What is done in each stage of a cycle; each says what became of it as one event, and fills the material."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

from peak_console.config.configs import Configs
from peak_console.config.jobs import CycleSettings
from peak_console.config.limits import gate_limits
from peak_console.critic.service import Critic
from peak_console.critic.slots import Signals
from peak_console.domain.calls import CallReason
from peak_console.domain.claims import intent_id_of
from peak_console.domain.clock import from_unix_us, unix_us
from peak_console.domain.errors import (
    BudgetExceeded,
    CallFailed,
    CallRefused,
    ConfigInvalid,
    ControlRefused,
    PolicyDenied,
)
from peak_console.domain.orchestration import (
    TRIES,
    Answered,
    DataState,
    Decided,
    Judged,
    Malformed,
    Refused,
    Snapshot,
    Step,
    Told,
    Unanswered,
    Weighed,
)
from peak_console.domain.outlook import Degree, Hypothesis, Outlook
from peak_console.domain.posture import PostureState
from peak_console.domain.trading import GateLimits, GatePosture, Market, OrderIntent, Quote
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer, PhaseLevel
from peak_console.llm.runs import Run
from peak_console.risk.book import filled, held, marked, paper_fill, portfolio
from peak_console.risk.document import inputs_document
from peak_console.risk.gate import decide
from peak_console.risk.intent import IntentSizing, intent_from
from peak_console.shadow.asking import (
    Given,
    hypothesis_request,
    judge_prompts,
    judged_hypothesis,
    judged_outlook,
    outlook_request,
)
from peak_console.shadow.bars import DataUnusable
from peak_console.shadow.book import Idea
from peak_console.shadow.details import block_details
from peak_console.shadow.exits import begun_again, exited
from peak_console.shadow.hearing import Heard, cost_share_pct, unpaid
from peak_console.shadow.material import Material
from peak_console.shadow.past import Past
from peak_console.shadow.recording import sod_problem
from peak_console.shadow.scoring import scored
from peak_console.shadow.snapshot import Snapshot as Seen
from peak_console.shadow.snapshot import taken
from peak_console.shadow.sources import source_of
from peak_console.shadow.working import Working

_NOT_SENT: Final = (BudgetExceeded, CallRefused, PolicyDenied, ConfigInvalid)
_HALTED: Final = frozenset({CallReason.SCOPE_STOPPED.value, CallReason.MODEL_QUARANTINED.value})
"""Refusals that abort the cycle whatever its layer does when its candidates are exhausted."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of one cycle."""

    working: Working
    configs: Configs
    settings: CycleSettings
    run: Run
    material: Material
    past: Past

    async def done(self, step: Step) -> Told:
        """Do a stage and say what became of it.

        Raises ``EnvironmentUnfit`` when the node, the ledger or the disk is gone.
        """
        stage = step.stage
        if stage is None:
            raise ValueError("a step that ends has no stage")
        self.working.step(_WORDS.get(stage.name, stage.name))
        began = self.working.clock.boot_us()
        try:
            return await self._table[stage.name](stage.name)
        except ControlRefused as error:
            self.material.problem = error
            return Refused(stage.name, error.code)
        except _NOT_SENT as error:
            self.material.problem = error
            return Refused(stage.name, error.code, review=self._reviews(stage.layer, error.code))
        except CallFailed as error:
            self.material.problem = error
            return self._failed(stage.name, stage.layer, error)
        finally:
            took = (self.working.clock.boot_us() - began) // 1000
            self.material.steps.append((stage.name, max(0, took)))

    @property
    def _table(self) -> Mapping[str, Callable[[str], Awaitable[Told]]]:
        return {
            "data": self._data,
            "outlook": self._outlook,
            "judge_outlook": self._judge_outlook,
            "hypothesis": self._hypothesis,
            "judge_hypothesis": self._judge_hypothesis,
            "weigh": self._weigh,
            "decide": self._decide,
        }

    # -- data

    async def _data(self, name: str) -> Told:
        settings, clock = self.settings, self.working.clock
        try:
            self._may_replay()
            loaded = await source_of(settings, self.working.ws.root).load()
            seen = taken(loaded, settings, now=clock.now(), cycle=self.material.book.cycles)
        except DataUnusable as error:
            self.material.problem = error
            return Snapshot(name, DataState.FAILED, error.code, again=error.details.get("again") is True)
        self.material.problem = None
        self.material.snapshot = seen
        await asyncio.to_thread(self._advance, seen)
        return Snapshot(name, DataState.STALE if seen.stale else DataState.TAKEN)

    def _may_replay(self) -> None:
        """Replayed history is no market: from shadow on only a simulated workspace may take it for one."""
        real = self.working.level().at_least(PhaseLevel.SHADOW) and not self.working.simulated
        if self.settings.replay is not None and real:
            raise DataUnusable(
                "history is replayed in simulated workspaces and in research only",
                code="replay_refused",
                remedy="take replay out of the job, and give it a source that goes on",
            )

    def _advance(self, seen: Seen) -> None:
        """The book over the bars that came: what was said is scored, positions end, all is marked."""
        material, name = self.material, self.settings.instrument
        before = material.book.quotes.get(name)
        known, book = seen.known, material.book
        again = before is not None and unix_us(seen.priced_at) < before.at_us
        if before is not None and not again:
            due = self.past.due(book.name, name, from_unix_us(before.at_us), seen.priced_at)
            material.scored = [one for said in due if (one := scored(said, known, seen.bar_s)) is not None]
            book = replace(book, score=book.score.taking(material.scored))
        if again:
            material.notes.append("History began again: what was open is closed at the last price seen.")
            book, ended = begun_again(book, name, self.settings.sizing)
        else:
            book, ended = exited(book, name, known, seen.bar_s, self.settings.sizing)
        if ended is not None:
            material.exits.append(ended)
        book = replace(book, quotes={**book.quotes, name: self._quote(seen)})
        material.book = replace(book, paper=marked(book.paper, book.market(self._now_us(seen))))

    def _quote(self, seen: Seen) -> Quote:
        """The price seen; the rate is the config's, of its day, and in replayed history of the moment."""
        rate, day = self.settings.eur_per_quote, self.settings.eur_as_of
        rate_us = self._now_us(seen)
        if seen.replay is None and day is not None:
            rate_us = unix_us(datetime.combine(day, time(), UTC))
        return Quote(self.settings.instrument, seen.price, unix_us(seen.priced_at), rate, rate_us)

    def _now_us(self, seen: Seen) -> int:
        """This moment by the market's clock: in replayed history it stands still for a cycle."""
        return unix_us(self.working.clock.now() if seen.replay is None else seen.as_of)

    # -- layers

    async def _outlook(self, name: str) -> Told:
        judge_prompts(self.configs, self.settings)  # nothing is asked that nobody could judge
        request = outlook_request(self.configs, self.settings, self._seen(), self.working.random)
        self.material.outlook = await self._road.call(request, answer=Outlook)
        said = self.material.said
        return Malformed(name) if said is None else Answered(name, doubt=said.confidence is Degree.LOW)

    async def _hypothesis(self, name: str) -> Told:
        request = hypothesis_request(self.configs, self.settings, self._given(), self.working.random)
        self.material.hypothesis = await self._road.call(request, answer=Hypothesis)
        return Malformed(name) if self.material.idea is None else Answered(name)

    async def _judge_outlook(self, name: str) -> Told:
        return await self._judged(name, Layer.L2, judged_outlook(self.settings, self._seen()))

    async def _judge_hypothesis(self, name: str) -> Told:
        return await self._judged(name, Layer.L3, judged_hypothesis(self.settings, self._given()))

    async def _judged(self, name: str, layer: Layer, task: str) -> Told:
        """An answer before its critics; that of L3 is on an order path."""
        answer = self.material.outlook if layer is Layer.L2 else self.material.hypothesis
        if answer is None:
            raise ValueError(f"{layer} has not answered")
        said = self.material.said
        prompts = judge_prompts(self.configs, self.settings)
        doubt = layer is Layer.L2 and said is not None and said.confidence is Degree.LOW
        signals = Signals(low_confidence=doubt, cost_share_pct=cost_share_pct(self.configs, answer))
        tools = self.working
        critic = Critic(self._road, tools.ledger, self.configs, tools.level(), tools.random, prompts)
        review = await critic.review(answer, task=task, signals=signals, order_path=layer is Layer.L3)
        self.material.reviews[layer] = review
        code = unpaid(review.reports)
        if code:
            return Refused(name, code, review=self._reviews(layer, code))
        return Judged(
            name,
            review.verdict,
            degraded=any(one.degraded for one in review.reports),
            sod_ok=all(not one.sod or one.sod.get("ok") is True for one in review.reports),
        )

    # -- the gate

    async def _weigh(self, name: str) -> Told:
        """The intent that arithmetic makes of the hypothesis; named by the claim, so that it is never two."""
        idea, said, sizing = self.material.idea, self.material.said, self.settings.sizing
        if idea is None or said is None:
            raise ValueError("there is no hypothesis")
        made = intent_from(
            _no_surer(idea, said),
            self.material.book.paper,
            IntentSizing(sizing.risk_eur, sizing.max_notional_eur, sizing.fee_bps, sizing.slippage_bps),
            quote=self._quote(self._seen()),
            intent_id=intent_id_of(self.working.job.name, self.working.key),
            run_id=self.material.run_id,
        )
        if not isinstance(made, OrderIntent):
            self.material.no_intent = made.reason.value
            return Weighed(name, intent=False, reason=made.reason.value)
        self.material.intent = made
        return Weighed(name, intent=True)

    async def _decide(self, name: str) -> Told:
        """The gate's word, on what posture and critics say at this moment."""
        material, intent = self.material, self.material.intent
        if intent is None:
            raise ValueError("there is no intent")
        material.sod_detail = sod_problem(self.configs, self.working, material)
        seen = self._seen()
        quotes = {**material.book.quotes, self.settings.instrument: self._quote(seen)}
        market, paper = Market(self._now_us(seen), quotes), material.book.paper
        material.document = inputs_document(
            *(intent, portfolio(paper, market), (), paper.recent),
            *(self._limits(), market, self._posture()),
        )
        material.decision = decide(material.document)
        material.details = block_details(
            material.decision.reasons,
            market,
            instrument=self.settings.instrument,
            limit_s=gate_limits(self.configs.limits).max_price_age_s,
            job_s=self.settings.max_age_s,
            sod=material.sod_detail,
        )
        return Decided(name, material.decision.verdict, tuple(one.value for one in material.decision.reasons))

    def _limits(self) -> GateLimits:
        """The limits in force; a price may not be older than the job allows, either."""
        limits, most = gate_limits(self.configs.limits), self.settings.max_age_s
        age = limits.max_price_age_s
        return limits if age is None else replace(limits, max_price_age_s=min(age, most))

    def _posture(self) -> GatePosture:
        now, material = self.working.gate.posture(), self.material
        return GatePosture(
            calls=now.calls,
            reduce=now.state is PostureState.REDUCE,
            armed=False,
            critic_passed=material.verdict is Verdict.PASS
            and not material.degraded
            and bool(material.reviews.get(Layer.L3) and material.reviews[Layer.L3].reports),
            sod_ok=not material.sod_detail,
        )

    def fill(self) -> None:
        """Fill the intent on paper, at the price seen; its hypothesis is then what the position rests on."""
        material, sizing, intent, seen = (
            self.material,
            self.settings.sizing,
            self.material.intent,
            self._seen(),
        )
        idea, said = material.idea, material.said
        if intent is None or idea is None or said is None:
            raise ValueError("there is nothing to fill")
        now_us = self._now_us(seen)
        fill = paper_fill(intent, self._quote(seen), fee_bps=sizing.fee_bps, slippage_bps=sizing.slippage_bps)
        paper = filled(material.book.paper, intent, fill, now_us)
        book = replace(material.book, paper=marked(paper, material.book.market(now_us)))
        behind: Idea | None = None
        if held(paper, intent.instrument) != 0 and idea.invalidation is not None:
            hours = min(idea.horizon_h, said.horizon_h)
            behind = Idea(
                instrument=intent.instrument,
                view=idea.view,
                invalidation=idea.invalidation,
                expires_at=seen.as_of + timedelta(hours=hours),
                seen_to=seen.priced_at,
                intent_id=intent.intent_id,
                run_id=material.run_id,
            )
        material.book = book.with_idea(intent.instrument, behind)
        material.fill = fill

    # -- what stages share

    @property
    def _road(self) -> Heard:
        return Heard(self.run, self.material)

    def _seen(self) -> Seen:
        if self.material.snapshot is None:
            raise ValueError("there is no market data")
        return self.material.snapshot

    def _given(self) -> Given:
        said = self.material.said
        if said is None:
            raise ValueError("there is no outlook")
        return Given(self._seen(), said, self.material.book)

    def _failed(self, name: str, layer: Layer | None, error: CallFailed) -> Told:
        """A call that came to nothing; the road itself asked again for an answer of its shape."""
        reasons = error.details.get("reasons") or []
        if reasons and all(one == CallReason.MALFORMED.value for one in reasons):
            return Malformed(name, tries=TRIES)
        return Unanswered(name, error.code, review=self._reviews(layer, error.code))

    def _reviews(self, layer: Layer | None, code: str) -> bool:
        """Whether a person looks where a layer gave no answer, as its ``on_exhausted`` says."""
        if layer is None or code in _HALTED:
            return False
        level = self.working.level()
        return self.configs.matrix.settings(layer, level).on_exhausted.value == "review_required"


_WORDS: Final = {
    "data": "takes market data",
    "outlook": "asks L2 for the outlook",
    "judge_outlook": "has the outlook judged",
    "hypothesis": "asks L3 for the hypothesis",
    "judge_hypothesis": "has the hypothesis judged",
    "weigh": "makes the intent",
    "decide": "asks the gate",
}


def _no_surer(idea: Hypothesis, said: Outlook) -> Hypothesis:
    """The hypothesis with a conviction that is not above the confidence of its outlook."""
    degrees = tuple(Degree)
    conviction = min(idea.conviction, said.confidence, key=degrees.index)
    return idea.model_copy(update={"conviction": conviction})
