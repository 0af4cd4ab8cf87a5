from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.critic.slots import (
    POLICY_CRITIC,
    VERDICT_CRITIC,
    CriticMode,
    CriticPolicy,
    Escalation,
    Judge,
    Lens,
    Signals,
    escalations,
    sampled,
    second_opinion,
    settled,
    strictest,
    who_judges,
)
from peak_console.domain.errors import ConfigInvalid
from peak_console.domain.verdict import Verdict
from peak_console.domain.vocabulary import Layer, PhaseLevel, Role

ALWAYS = CriticPolicy(CriticMode.ALWAYS)
ON_ESCALATION = CriticPolicy(CriticMode.ON_ESCALATION)
RESEARCH, SHADOW, TESTNET, LIVE = PhaseLevel

_POLICIES = st.sampled_from([ALWAYS, ON_ESCALATION, CriticPolicy(CriticMode.SAMPLED, Decimal("0.3"))])
_PHASES = st.sampled_from(list(PhaseLevel))
_VERDICTS = st.sampled_from(list(Verdict))


def own(layer: Layer) -> Judge:
    """The layer's own critic."""
    return Judge(layer, Role.CRITIC, Lens.CONTENT)


@pytest.mark.parametrize(
    ("layer", "phase", "policy", "escalated", "judges"),
    [
        (Layer.L0, RESEARCH, ON_ESCALATION, False, ()),
        (Layer.L0, RESEARCH, ON_ESCALATION, True, (own(Layer.L0),)),
        (Layer.L1, LIVE, ON_ESCALATION, False, ()),
        (Layer.L1, RESEARCH, ALWAYS, False, (own(Layer.L1),)),
        (Layer.L2, RESEARCH, ON_ESCALATION, False, ()),
        (Layer.L2, RESEARCH, ON_ESCALATION, True, (own(Layer.L2),)),
        (Layer.L2, SHADOW, ALWAYS, False, (own(Layer.L2), POLICY_CRITIC)),
        (Layer.L2, SHADOW, ON_ESCALATION, False, (POLICY_CRITIC,)),
        (Layer.L2, TESTNET, ALWAYS, False, (own(Layer.L2), POLICY_CRITIC)),
        (Layer.L2, LIVE, ALWAYS, False, (own(Layer.L2), POLICY_CRITIC)),
        (Layer.L4, LIVE, ALWAYS, True, ()),
        (Layer.L5, LIVE, ALWAYS, True, ()),
        (Layer.L6, LIVE, ALWAYS, True, ()),
    ],
)
def test_the_table(
    layer: Layer, phase: PhaseLevel, policy: CriticPolicy, judges: tuple[Judge, ...], *, escalated: bool
) -> None:
    """Each row of decisions 5 and 8: which slots judge which layer's output, and in which order."""
    assert who_judges(layer, phase, policy, call_id="c", escalated=escalated) == judges


@given(phase=_PHASES, policy=_POLICIES, escalated=st.booleans(), call_id=st.text(max_size=8))
def test_l3_is_always_judged_by_the_service(
    *, phase: PhaseLevel, policy: CriticPolicy, escalated: bool, call_id: str
) -> None:
    """No phase, policy or sample spares L3 its policy critic."""
    judges = who_judges(Layer.L3, phase, policy, call_id=call_id, escalated=escalated, service=Layer.L4)
    assert judges == (POLICY_CRITIC,)


def test_l3_with_a_slot_of_its_own() -> None:
    """Where the matrix gives L3 a critic slot, that slot is asked."""
    judges = who_judges(Layer.L3, RESEARCH, ON_ESCALATION, call_id="c")
    assert judges == (Judge(Layer.L3, Role.CRITIC, Lens.POLICY),)


def test_nobody_is_asked_twice() -> None:
    """L2 whose critic is the L4 service is judged once by it, not twice, from shadow on."""
    assert who_judges(Layer.L2, SHADOW, ALWAYS, call_id="c", service=Layer.L4) == (POLICY_CRITIC,)


@given(st.sampled_from(list(Layer)), _PHASES, _POLICIES, st.text(max_size=8))
def test_escalation_never_removes_a_judge(
    layer: Layer, phase: PhaseLevel, policy: CriticPolicy, call_id: str
) -> None:
    """To escalate to a critic only ever adds judges."""
    calm = who_judges(layer, phase, policy, call_id=call_id)
    assert set(calm) <= set(who_judges(layer, phase, policy, call_id=call_id, escalated=True))


def test_every_pass_on_an_order_path_gets_a_second_opinion() -> None:
    """L4's PASS on an order path is judged by L4's critic; other verdicts on escalation or in a sample."""
    asked = [second_opinion(one, ON_ESCALATION, call_id="c", order_path=True) for one in Verdict]
    assert asked == [VERDICT_CRITIC, None, None]
    assert second_opinion(Verdict.PASS, ON_ESCALATION, call_id="c", order_path=False) is None
    assert second_opinion(Verdict.FAIL, ALWAYS, call_id="c", order_path=False) == VERDICT_CRITIC


@given(_VERDICTS, _VERDICTS)
def test_a_second_opinion_never_loosens(first: Verdict, second: Verdict) -> None:
    """Disagreement gives REVIEW, agreement changes nothing, and nothing becomes milder."""
    result = settled(first, second)
    assert result.rank >= first.rank
    if second is Verdict.PASS:
        assert result is first
    else:
        assert result is not Verdict.PASS
    if first is Verdict.PASS and second is not Verdict.PASS:
        assert result is Verdict.REVIEW


@given(st.lists(_VERDICTS))
def test_the_strictest_verdict_counts(verdicts: list[Verdict]) -> None:
    """One FAIL among many fails; nobody's verdict is no verdict."""
    result = strictest(verdicts)
    assert (result is None) == (not verdicts)
    assert result is None or (result in verdicts and all(one.rank <= result.rank for one in verdicts))


def test_the_sample_is_fair_and_repeatable() -> None:
    """About the asked share is sampled, by the call's id alone."""
    ids = [f"call_{number}" for number in range(4000)]
    share = sum(sampled(one, Decimal("0.25")) for one in ids) / len(ids)
    assert 0.22 < share < 0.28
    assert [sampled(one, Decimal("0.25")) for one in ids[:50]] == [
        sampled(one, Decimal("0.25")) for one in ids[:50]
    ]
    assert all(sampled(one, Decimal(1)) for one in ids)


@given(st.text(max_size=20))
def test_a_larger_rate_samples_a_larger_set(call_id: str) -> None:
    """Raising the rate drops no call from the sample."""
    small, large = Decimal("0.2"), Decimal("0.7")
    assert not sampled(call_id, small) or sampled(call_id, large)


def test_each_signal_escalates() -> None:
    """Low confidence, malformed, scope doubt, cost above its share, and the caller's wish."""
    every = Signals(True, True, True, Decimal("50.1"), True)  # noqa: FBT003 - all signals at once
    assert escalations(every, Decimal(50)) == tuple(Escalation)
    assert escalations(Signals(cost_share_pct=Decimal(50)), Decimal(50)) == ()
    assert escalations(Signals(), Decimal(0)) == ()


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("always", ALWAYS),
        ("on_escalation", ON_ESCALATION),
        ("sampled:0.05", CriticPolicy(CriticMode.SAMPLED, Decimal("0.05"))),
        ("sampled:1", CriticPolicy(CriticMode.SAMPLED, Decimal(1))),
    ],
)
def test_policies_are_read(text: str, policy: CriticPolicy) -> None:
    """The three forms of ``critic_policy``."""
    assert CriticPolicy.of(text) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "sampled",
        "sampled:",
        "sampled:0",
        "sampled:1.1",
        "sampled:x",
        "sampled:nan",
        "always:1",
        "ALWAYS",
    ],
)
def test_unknown_policies_are_refused(text: str) -> None:
    """Anything else is an error with a reason, never "not judged"."""
    with pytest.raises(ConfigInvalid) as caught:
        CriticPolicy.of(text)
    assert caught.value.code == "critic_policy"
