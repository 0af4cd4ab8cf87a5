import itertools
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from peak_console.config.configs import Configs
from peak_console.config.matrix import Matrix, MatrixFile
from peak_console.config.prompts import Prompt, PromptLibrary
from peak_console.config.registry import ModelRegistry, ModelsFile
from peak_console.domain.calls import CallRequest, CallResult, Finish, Usage
from peak_console.domain.errors import PeakError
from peak_console.domain.events import EventDraft
from peak_console.domain.ledgering import Ack

_MODELS = {
    "gpt-5-nano": ("openai", "gpt-5"),
    "gpt-5-mini": ("openai", "gpt-5"),
    "gpt-5.2": ("openai", "gpt-5"),
    "gpt-5.2-pro": ("openai", "gpt-5"),
    "gemini-2.5-flash": ("google", "gemini-2.5"),
    "mistral-medium-latest": ("mistral", "mistral-medium"),
}


def slot(model_id: str, **more: Any) -> dict[str, Any]:
    """A slot of the matrix as the file holds it."""
    return {"provider": _MODELS[model_id][0], "model_id": model_id, **more}


def _matrix(**l4: Any) -> Matrix:
    prompts = {"primary": "work@1", "critic": "judge@1"}
    layers = {
        "L0": {"primary": slot("gpt-5-nano"), "critic": slot("gpt-5-mini"), "prompts": prompts},
        "L2": {"primary": slot("gpt-5-mini"), "critic": slot("gpt-5.2"), "prompts": prompts},
        "L3": {"primary": slot("gpt-5.2"), "critic": {"service": "L4"}, "prompts": prompts},
        "L4": {
            "primary": slot("gpt-5.2-pro"),
            "fallback": slot("gemini-2.5-flash", degraded=True),
            "critic": slot("gpt-5.2"),
            "prompts": {"primary": "policy-critic@1", "critic": "judge@1"},
            **l4,
        },
    }
    file = {"global": {"allowed_providers": ["openai", "google", "mistral"]}, **layers}
    return Matrix.of(MatrixFile.model_validate(file), "0" * 64)


@pytest.fixture
def make_configs() -> Callable[..., Configs]:
    """Configs of a small matrix; keyword arguments change its L4 table."""

    def make(**l4: Any) -> Configs:
        entries = [
            {
                "provider": provider,
                "model_id": model,
                "family": family,
                "allowed": True,
                "endpoint": "chat",
                "context_tokens": 100_000,
                "max_output_tokens": 8_000,
            }
            for model, (provider, family) in _MODELS.items()
        ]
        prompts = [
            Prompt(name, "1", f"You are {name}.", "0" * 64) for name in ("work", "judge", "policy-critic")
        ]
        models = ModelRegistry.of(ModelsFile.model_validate({"model": entries}), "0" * 64)
        rest = cast("Any", None)  # the critic reads no prices, budgets or settings
        return Configs(_matrix(**l4), models, rest, rest, rest, rest, rest, PromptLibrary.of(prompts), {})

    return make


@pytest.fixture
def make_result() -> Callable[..., CallResult]:
    """A call's result: L2's outlook by gpt-5-mini, with changes."""
    numbers = itertools.count(1)

    def make(text: str = "EUR/USD ranges.", **changes: Any) -> CallResult:
        base: dict[str, Any] = {
            "call_id": f"call_{next(numbers)}",
            "run_id": "20261122_120000_aaaaaa",
            "layer": "L2",
            "role": "primary",
            "provider": "openai",
            "model_id": "gpt-5-mini",
            "served_model": "gpt-5-mini-2025-08-07",
            "text": text,
            "finish": Finish.STOP,
            "usage": Usage(10, 0, 0, 5, 0),
            "cost_eur": "0.000001000",
            "latency_ms": 1.0,
            "hop": 0,
            "fallback": False,
            "degraded": False,
        }
        return CallResult(**(base | changes))

    return make


class ScriptedRoad:
    """Answers calls from a script: a result, or an error to raise; keeps what it was asked."""

    def __init__(self, answers: Sequence[CallResult | PeakError]) -> None:
        self.answers = list(answers)
        self.asked: list[CallRequest] = []

    async def call(self, request: CallRequest) -> CallResult:
        """The next answer of the script."""
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, PeakError):
            raise answer
        return answer


class ListLedger:
    """Keeps appended drafts, one list a transaction."""

    def __init__(self) -> None:
        self.batches: list[list[EventDraft]] = []

    async def append(self, drafts: Sequence[EventDraft]) -> list[Ack]:
        """Keep the drafts as one transaction."""
        self.batches.append(list(drafts))
        seq = sum(map(len, self.batches))
        return [Ack(one.event_id, seq, "0" * 64, "") for one in drafts]

    async def close(self) -> None:
        """Nothing to end."""


@pytest.fixture
def ledger() -> ListLedger:
    """An empty ledger."""
    return ListLedger()


@pytest.fixture
def road() -> Callable[..., ScriptedRoad]:
    """A road with scripted answers."""
    return lambda *answers: ScriptedRoad(answers)
