"""The policy critic service: puts an output before its judges, reads their verdicts, records them.

A judge is asked over the one road for calls, with the critic's schema; once more where its answer cannot be
read. What it says is capped where it cannot be trusted in full (a degraded stand-in, an output that had to be
cut), refused where it is not separate from what it judges, held against other judges, and recorded as
``critic.judged``. A judge that could not be asked has not passed anything.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from peak_console.config.configs import Configs
from peak_console.config.matrix import served_by
from peak_console.critic.brief import Brief, Case, again, brief
from peak_console.critic.disagreement import against_first, against_own
from peak_console.critic.parse import CriticReport, ReportReason, parse_verdict
from peak_console.critic.scoped import SCOPE_JUDGE, outputs_of, within_scope
from peak_console.critic.slots import (
    POLICY_CRITIC,
    CriticPolicy,
    Judge,
    Signals,
    escalations,
    second_opinion,
    settled,
    strictest,
    who_judges,
)
from peak_console.domain.calls import CallRequest, CallResult, Finish
from peak_console.domain.errors import BudgetExceeded, CallFailed, CallRefused, ConfigInvalid, PolicyDenied
from peak_console.domain.events import EventDraft, EventKind
from peak_console.domain.ids import RandomBytes, new_event_id
from peak_console.domain.ledgering import LedgerClient
from peak_console.domain.text import one_line
from peak_console.domain.verdict import Verdict, critic_schema
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role
from peak_console.policy.outputs import OutputFound
from peak_console.policy.sod import ModelIdentity, sod_conflict

_JUDGING: Final = "Judge an output as the policy critic; answer by the schema."
"""The task of L4 as its own judge is told it."""
_UNANSWERED: Final = (CallFailed, CallRefused, PolicyDenied, BudgetExceeded, ConfigInvalid)


class Caller(Protocol):
    """The road: one governed call."""

    async def call(self, request: CallRequest) -> CallResult:
        """The answer; raises a ``PeakError`` where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Review:
    """All that was said of one output; ``verdict`` is the strictest, ``None`` where nobody had to judge."""

    verdict: Verdict | None
    reports: tuple[CriticReport, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgePrompts:
    """Prompts that judges are asked under, as ``name@version``; ``None``: those that the matrix names."""

    output: str | None = None
    """Of judges of an output."""
    verdict: str | None = None
    """Of the judge of L4's verdict on it."""


@dataclass(frozen=True, slots=True)
class Critic:
    """The critic over one road, ledger and set of configs, in one phase."""

    caller: Caller
    ledger: LedgerClient
    configs: Configs
    phase: PhaseLevel
    random: RandomBytes = secrets.token_bytes
    prompts: JudgePrompts = JudgePrompts()

    async def review(
        self, judged: CallResult, *, task: str, signals: Signals | None = None, order_path: bool = False
    ) -> Review:
        """``judged`` before every judge that the table of slots names for it.

        Raises ``ControlRefused`` when posture forbids calls, ``LedgerUnavailable`` or ``NodeUnreachable``
        when a verdict cannot be recorded; nothing has passed then.
        """
        layer = Layer(judged.layer)
        settings = self.configs.matrix.settings(layer, self.phase)
        config = self.configs.matrix.layers.get(layer)
        judges = who_judges(
            layer,
            self.phase,
            CriticPolicy.of(settings.critic_policy),
            call_id=judged.call_id,
            escalated=bool(escalations(_told(judged, signals), settings.escalate_cost_pct)),
            service=served_by(config) if config else None,
        )
        reports: list[CriticReport] = []
        for one in judges:
            reports.append(await self.judge(judged, one, task=task, order_path=order_path, beside=reports))
        if not reports and (found := outputs_of(self.configs, layer, judged)):
            reports.append(await self._by_scope(judged, found))
        return Review(strictest([one.verdict for one in reports]), tuple(reports))

    async def _by_scope(self, judged: CallResult, found: tuple[OutputFound, ...]) -> CriticReport:
        """FAIL for an output that nobody had to judge and that holds what its scope forbids."""
        report = within_scope(CriticReport(Verdict.FAIL, judge_layer=SCOPE_JUDGE), found)
        acks = await self.ledger.append([self._draft(judged, report, None)])
        return replace(report, seq=acks[-1].seq)

    async def judge(
        self,
        judged: CallResult,
        judge: Judge,
        *,
        task: str,
        order_path: bool = False,
        beside: Sequence[CriticReport] = (),
    ) -> CriticReport:
        """``judged`` before one judge; L4's primary is itself judged where policy or an order path asks it.

        An output that holds what its layer's scope forbids fails, whatever the judge says. ``beside`` is what
        other judges said of the same output before: the record says whether this one agrees.
        Both verdicts are recorded together: a PASS never stands on the ledger before the opinion on it.
        Raises as :meth:`review`.
        """
        case = Case(Layer(judged.layer), task, judged.text, self.prompts.output)
        report, answer = await self._ask(judged, judge, case)
        drafts = []
        if judge == POLICY_CRITIC and answer is not None:
            second = await self._second(report, answer, case, order_path=order_path)
            if second is not None:
                opinion = replace(second[0], against=against_first(report, second[0]))
                drafts.append(self._draft(answer, opinion, second[1]))
                report = _after(report, second[0])
        if judge == POLICY_CRITIC:
            report = replace(report, against=against_own(judged.layer, beside, report))
        report = within_scope(report, outputs_of(self.configs, Layer(judged.layer), judged))
        drafts.append(self._draft(judged, report, answer))
        acks = await self.ledger.append(drafts)
        return replace(report, seq=acks[-1].seq)

    async def _second(
        self, report: CriticReport, answer: CallResult, behind: Case, *, order_path: bool
    ) -> tuple[CriticReport, CallResult | None] | None:
        """The opinion on L4's verdict ``answer``, whose judge is shown what was judged too."""
        policy = CriticPolicy.of(self.configs.matrix.settings(Layer.L4, self.phase).critic_policy)
        judge = second_opinion(report.verdict, policy, call_id=answer.call_id, order_path=order_path)
        config = self.configs.matrix.layers.get(Layer.L4)
        if judge is None or ((config is None or config.critic is None) and not order_path):
            return None
        case = Case(Layer.L4, _JUDGING, answer.text, self.prompts.verdict, behind)
        return await self._ask(answer, judge, case)

    async def _ask(
        self, judged: CallResult, judge: Judge, case: Case
    ) -> tuple[CriticReport, CallResult | None]:
        try:
            words = brief(self.configs, judge, case, self.random)
            answer = await self._put(words, judge, judged)
        except _UNANSWERED as error:
            return _unanswered(judge, error.code, error.message, error.details.get("call_id")), None
        report = _read(answer)
        if report.malformed:
            report, answer = await self._again(words, judge, judged, (report, answer))
        report = replace(report, judge_layer=judge.layer.value, call_id=answer.call_id)
        return self._separate(_capped(report, answer, cut=case.cut), judged, answer), answer

    async def _again(
        self, words: Brief, judge: Judge, judged: CallResult, first: tuple[CriticReport, CallResult]
    ) -> tuple[CriticReport, CallResult]:
        """A judge whose answer could not be read is asked once more; what cannot be read then has failed.

        Each asking is a call of its own, admitted by budgets: where none admits the second, the first stands.
        """
        report, answer = first
        try:
            second = await self._put(again(words, str(report.reason)), judge, judged, ", again")
        except _UNANSWERED as error:
            call_id, why = error.details.get("call_id"), one_line(f"{error.code}: {error.message}")
            return replace(report, retry=_asking(call_id, ReportReason.UNANSWERED, why)), answer
        return replace(_read(second), retry=_asking(answer.call_id, report.reason, report.detail)), second

    async def _put(self, words: Brief, judge: Judge, judged: CallResult, how: str = "") -> CallResult:
        """One call of a judge; raises as the road does."""
        return await self.caller.call(
            CallRequest(
                layer=judge.layer,
                role=judge.role,
                messages=words.messages,
                prompt_name=words.prompt_name,
                prompt_version=words.prompt_version,
                run_id=judged.run_id,
                response_schema=critic_schema(),
                response_schema_name="verdict",
                purpose=f"judge {judged.layer}{how}",
            )
        )

    def _separate(self, report: CriticReport, judged: CallResult, answer: CallResult) -> CriticReport:
        """The report with what separation of duties says to it: a conflict fails it from shadow on.

        In research a conflict is recorded as a warning, except that an unknown proposer always fails.
        """
        rule = self.configs.matrix.settings(Layer(judged.layer), self.phase).sod
        proposer, critic = self._identity(judged), self._identity(answer)
        conflict = sod_conflict(rule, proposer, critic)
        sod = {
            "rule": rule.value,
            "ok": conflict is None,
            "detail": conflict or "",
            "unechoed": judged.served_model is None or answer.served_model is None,
        }
        unknown = not proposer.provider or not proposer.model_id
        if conflict and (unknown or self.phase.at_least(PhaseLevel.SHADOW)):
            return replace(
                report, verdict=Verdict.FAIL, reason=ReportReason.SOD_CONFLICT, detail=conflict, sod=sod
            )
        return replace(report, sod=sod)

    def _identity(self, result: CallResult) -> ModelIdentity:
        entry = self.configs.models.find(result.provider, result.model_id)
        return ModelIdentity(
            result.provider, result.served_model or result.model_id, entry.family if entry else ""
        )

    def _draft(self, judged: CallResult, report: CriticReport, answer: CallResult | None) -> EventDraft:
        return EventDraft(
            event_id=new_event_id(self.random),
            kind=EventKind.CRITIC_JUDGED,
            body=_body(judged, report),
            run_id=judged.run_id,
            call_id=report.call_id,
            layer=judged.layer,
            role=Role.CRITIC.value,
            provider=answer.provider if answer else None,
            model_id=answer.model_id if answer else None,
        )


def _told(judged: CallResult, signals: Signals | None) -> Signals:
    """The signals of an output; one that left a field empty which its scope wants on record is in doubt."""
    signals = signals or Signals()
    return replace(signals, scope_doubt=True) if judged.extra.get("log_missing") else signals


def _read(answer: CallResult) -> CriticReport:
    if answer.finish is not Finish.STOP:
        detail = f"the judge stopped by {answer.finish.value}"
        return CriticReport(Verdict.FAIL, malformed=True, reason=ReportReason.UNFINISHED, detail=detail)
    report = parse_verdict(answer.text)
    return report if report.malformed else replace(report, said=report.verdict)


def _asking(call_id: str | None, reason: str, detail: str) -> dict[str, Any]:
    """The other of two askings, as the record has it."""
    return {"call_id": call_id, "reason": str(reason), "detail": detail}


def _capped(report: CriticReport, answer: CallResult, *, cut: bool) -> CriticReport:
    """PASS lowered to REVIEW where the judge is a degraded stand-in, or did not see all (decision 6)."""
    report = replace(report, degraded=answer.degraded)
    if report.verdict is not Verdict.PASS or not (answer.degraded or cut):
        return report
    reason = ReportReason.CAPPED_DEGRADED if answer.degraded else ReportReason.CAPPED_CUT
    return replace(report, verdict=Verdict.REVIEW, capped=True, reason=reason)


def _after(report: CriticReport, second: CriticReport) -> CriticReport:
    verdict = settled(report.verdict, second.verdict)
    if verdict is report.verdict:
        return report
    detail = f"the opinion on this verdict is {second.verdict.value}"
    return replace(report, verdict=verdict, reason=ReportReason.DISAGREEMENT, detail=detail)


def _unanswered(judge: Judge, code: str, message: str, call_id: str | None) -> CriticReport:
    return CriticReport(
        Verdict.FAIL,
        malformed=True,
        reason=ReportReason.UNANSWERED,
        detail=one_line(f"{code}: {message}"),
        judge_layer=judge.layer.value,
        call_id=call_id,
    )


def _body(judged: CallResult, report: CriticReport) -> dict[str, Any]:
    return {
        "verdict": report.verdict.value,
        "judged_layer": judged.layer,
        "judged_call_id": judged.call_id,
        "judge_layer": report.judge_layer,
        "findings": [one.model_dump(mode="json") for one in report.findings],
        "malformed": report.malformed,
        "degraded": report.degraded,
        "capped": report.capped,
        "sod": report.sod,
        "reason": str(report.reason),
        "detail": report.detail,
        "said": None if report.said is None else report.said.value,
        "retry": report.retry,
        "against": report.against,
        "simulated": judged.extra.get("simulated") is True,
    }
