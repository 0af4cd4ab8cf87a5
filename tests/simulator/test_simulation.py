import statistics
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peak_console.simulator.models import PROVIDERS, find
from peak_console.simulator.outages import OutagePlan
from peak_console.simulator.rates import RateLimit, spelled
from peak_console.simulator.simulation import Decided, Simulation


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The seconds as last set."""
        return self.now


def ask(simulation: Simulation, model: str = "gpt-5-mini") -> Decided:
    """One chat completion, decided but not sent."""
    body = orjson.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    return simulation.answer("openai", None, {}, body, key="k")


def test_a_seed_gives_one_history() -> None:
    """The same seed gives the same delays, errors and texts; another seed others."""

    def history(seed: int) -> list[tuple[int, float]]:
        simulation = Simulation(seed=seed, error_rate=0.3)
        return [(decided.reply.status, decided.delay_s) for decided in (ask(simulation) for _ in range(50))]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_latency_is_lognormal_around_its_median() -> None:
    """Median and tail are those of the profile: skewed to the right, never zero."""
    simulation = Simulation(error_rate=0.0)
    delays = [ask(simulation).delay_s for _ in range(400)]
    assert 0.2 < statistics.median(delays) < 1.5
    assert min(delays) > 0
    assert max(delays) - statistics.median(delays) > statistics.median(delays) - min(delays)


def test_errors_come_at_their_rate_and_in_all_kinds() -> None:
    """429, 500, 503, 529 and 504 all occur, together about as often as asked."""
    simulation = Simulation(error_rate=0.5)
    statuses = [ask(simulation).reply.status for _ in range(600)]
    assert {200, 429, 500, 503, 504, 529} <= set(statuses)
    assert 0.4 < sum(status != 200 for status in statuses) / len(statuses) < 0.6


def test_a_rate_limit_says_how_long_to_wait() -> None:
    """OpenAI tells the wait in headers, Gemini in the body's RetryInfo."""
    simulation = Simulation(error_rate=0.0, requests_per_minute=1)
    assert ask(simulation).reply.status == 200
    limited = ask(simulation).reply
    assert (limited.status, "retry-after" in limited.headers) == (429, True)
    body = orjson.dumps({"contents": [{"parts": [{"text": "x"}]}]})
    for _ in range(2):
        last = simulation.answer("google", "gemini-2.5-flash", {}, body, key="k").reply
    details = orjson.loads(last.body)["error"]["details"]
    assert details[0]["retryDelay"].endswith("s")


def test_an_outage_takes_one_provider_down_and_ends() -> None:
    """Within 45 s the usual provider fails for about 20 s, the others answer, then all is well again."""
    clock = Seconds()
    plan = OutagePlan(7, PROVIDERS[:2], every_s=300.0)
    simulation = Simulation(error_rate=0.0, outages=plan, now_s=clock)
    down: list[int] = []
    for second in range(100):
        clock.now = float(second)
        if ask(simulation).reply.status >= 500:
            down.append(second)
        assert not plan.down("google", clock.now)
    assert 20 <= down[0] <= 45
    assert 14 <= len(down) <= 26
    assert down[-1] - down[0] == len(down) - 1


@given(st.integers(0, 10_000), st.floats(30, 600), st.floats(1, 30))
def test_outages_come_again_and_never_overlap(seed: int, every_s: float, lasts_s: float) -> None:
    """Every provider is up at some time between two outages, for every seed and setting."""
    plan = OutagePlan(seed, PROVIDERS[:2], first_s=10.0, every_s=every_s, lasts_s=lasts_s)
    state = [plan.down("openai", float(at)) or plan.down("google", float(at)) for at in range(2000)]
    assert any(state)
    assert not all(state)


def test_no_outage_where_none_is_wanted() -> None:
    """``every_s`` zero means none but those called by hand, which end by hand too."""
    plan = OutagePlan(1, PROVIDERS, every_s=0)
    assert not any(plan.down(one, at * 10.0) for at in range(100) for one in PROVIDERS)
    plan.call("mistral", 2000.0, 5.0)
    assert plan.down("mistral", 2001.0)
    assert not plan.down("openai", 2001.0)
    plan.end(2002.0)
    assert not plan.down("mistral", 2002.5)


def test_a_scheduled_outage_can_be_ended() -> None:
    """Ending by hand ends what the schedule began."""
    plan = OutagePlan(1, PROVIDERS[:2], first_s=10.0)
    at = next(second for second in range(60) if plan.down("openai", float(second)))
    plan.end(float(at))
    assert not plan.down("openai", at + 0.5)


def test_an_allowance_is_spent_and_comes_back() -> None:
    """Two a minute: the third is refused, and half a minute later one is back."""
    limit = RateLimit(requests_per_minute=2)
    assert [limit.admit(0.0), limit.admit(0.0), limit.admit(0.0)] == [True, True, False]
    assert (limit.requests.remaining, limit.requests.reset_s) == (0, 60.0)
    assert limit.admit(30.0)
    assert not limit.admit(30.1)


def test_a_spent_token_allowance_refuses_too() -> None:
    """Tokens count like requests, and come back like them."""
    limit = RateLimit(tokens_per_minute=600)
    assert limit.admit(0.0)
    limit.spend(1200)
    assert not limit.admit(1.0)
    assert limit.admit(100.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0ms"), (0.02, "20ms"), (1.0, "1s"), (1.5, "1.5s"), (360.0, "6m0s"), (90.25, "1m30.25s")],
)
def test_durations_are_spelled_as_openai_does(seconds: float, text: str) -> None:
    """``20ms``, ``1.5s``, ``6m0s``."""
    assert spelled(seconds) == text


@pytest.mark.parametrize(
    ("provider", "name", "served_as"),
    [
        ("openai", "gpt-5-nano", "gpt-5-nano-2025-08-07"),
        ("openai", "gpt-5-nano-2025-08-07", "gpt-5-nano-2025-08-07"),
        ("openai", "gpt-5.9-test", "gpt-5.9-test"),
        ("google", "gemini-3.8-flash", "gemini-3.8-flash"),
        ("mistral", "mistral-tiny-2407", "mistral-tiny-2407"),
    ],
)
def test_models_name_themselves(provider: str, name: str, served_as: str) -> None:
    """An alias answers as its snapshot, a snapshot and a stranger of the family as themselves."""
    profile = find(provider, name)
    assert profile is not None
    assert profile.served_as == served_as


@pytest.mark.parametrize(
    ("provider", "name"),
    [("openai", "gemini-2.5-pro"), ("google", "gpt-5"), ("mistral", "x"), ("openai", "claude-3")],
)
def test_strangers_are_unknown(provider: str, name: str) -> None:
    """A provider does not have another provider's models."""
    assert find(provider, name) is None


def test_counts_do_not_grow_without_bound() -> None:
    """However many names are asked for, the memory of them stays small."""
    simulation = Simulation()
    for number in range(10_500):
        simulation.answer(
            "openai", None, {}, orjson.dumps({"model": f"x{number}", "messages": [{}]}), key="k"
        )
    assert len(simulation.counts) <= 10_001
    counted: Any = sum(simulation.counts.values())
    assert counted <= simulation.serial


def test_a_false_bill_takes_no_longer_than_its_answer() -> None:
    """What is billed and what was said are two things: only the latter takes time and allowance."""
    simulation = Simulation(seed=1, error_rate=0.0)
    body = b'{"model":"gpt-5-mini","messages":[{"role":"user","content":"[[sim:huge_bill]] Hello"}]}'
    decided = simulation.answer("openai", None, {}, body, key="k")
    assert b"50000000" in decided.reply.body
    assert decided.delay_s < 60
