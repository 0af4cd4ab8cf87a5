"""One governed call by an operator, in a run of its own unless one is named; and background calls later."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallLimits, CallRequest, CallResult, Finish, Message
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Layer, Role
from peak_console.llm import open_client
from peak_console.llm.unattended.claims import PendingCall
from peak_console.llm.unattended.resuming import Ending
from peak_console.llm.waits import Told


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask: a slot of the matrix and a text."""

    layer: Layer
    role: Role
    text: str
    run_id: str | None = None
    background: bool = False
    max_output_tokens: int | None = None
    timeout_s: float | None = None

    def request(self) -> CallRequest:
        """The call this question makes."""
        message = Message(role="user", content=self.text)
        return CallRequest(
            layer=self.layer,
            role=self.role,
            messages=(message,),
            run_id=self.run_id,
            background=self.background,
            limits=CallLimits(max_output_tokens=self.max_output_tokens, timeout_s=self.timeout_s),
            purpose="asked by an operator",
        )


async def call(ws: Workspace, question: Question, *, told: Told | None = None) -> CallResult:
    """Ask; raises what ``Client.call`` raises, and ``NodeUnreachable`` without a node."""
    async with open_client(ws.root, name="peak call", told=told) as client:
        if question.run_id is not None:
            return await client.call(question.request())
        async with client.run(purpose="peak call", layer=question.layer) as run:
            return await run.call(question.request())


async def stream(
    ws: Workspace, question: Question, show: Callable[[str], None], *, told: Told | None = None
) -> CallResult:
    """Ask, and ``show`` the answer's foreign text as it comes; raises what ``Client.stream`` raises."""
    async with open_client(ws.root, name="peak call", told=told) as client:
        if question.run_id is not None:
            async with client.stream(question.request()) as answer:
                async for delta in answer:
                    show(delta.text)
                return await answer.result()
        async with (
            client.run(purpose="peak call", layer=question.layer) as run,
            run.stream(question.request()) as answer,
        ):
            async for delta in answer:
                show(delta.text)
            return await answer.result()


async def submit(ws: Workspace, question: Question, *, told: Told | None = None) -> str:
    """Begin background work and leave it to its provider; gives the call's id."""
    async with open_client(ws.root, name="peak call", told=told) as client:
        return await client.submit(question.request())


async def resume(ws: Workspace, call_id: str, *, told: Told | None = None) -> CallResult:
    """The answer of a background call, whoever began it; raises what ``Client.resume`` raises."""
    async with open_client(ws.root, name="peak call", told=told) as client:
        return await client.resume(call_id)


async def cancel(ws: Workspace, call_id: str) -> Ending:
    """Cancel a background call at its provider; raises what ``Client.cancel`` raises."""
    async with open_client(ws.root, name="peak call") as client:
        return await client.cancel(call_id)


async def pending(ws: Workspace, run_id: str | None = None) -> list[PendingCall]:
    """The background calls that were accepted and whose end is not recorded."""
    async with open_client(ws.root, name="peak call") as client:
        return await client.pending(run_id)


def ending_json(ending: Ending) -> dict[str, Any]:
    """How a cancelled call ended, as ``peak call --cancel --json`` shows it."""
    return {
        "call_id": ending.call_id,
        "run_id": ending.run_id,
        "hop": ending.hop,
        "outcome": ending.outcome,
        "cost_eur": ending.cost_eur,
        "cost_basis": ending.cost_basis,
        "recorded": ending.recorded,
        "answer": as_json(ending.result) if ending.result else None,
    }


def pending_json(calls: list[PendingCall]) -> dict[str, Any]:
    """Pending calls, as ``peak call --pending --json`` shows them."""
    return {"pending": [asdict(one) for one in calls]}


def slot_named(layer: str, role: str) -> tuple[Layer, Role]:
    """A slot by its words, in any case; raises ``UsageWrong``."""
    try:
        return Layer(layer.upper()), Role(role.lower())
    except ValueError:
        known = f"L0 to L4 and {', '.join(Role)}"
        raise UsageWrong(f"there is no slot {layer} {role}", remedy=f"name one of {known}") from None


def as_json(result: CallResult) -> dict[str, Any]:
    """A result as ``peak call --json`` shows it."""
    return {
        "call_id": result.call_id,
        "run_id": result.run_id,
        "layer": result.layer,
        "role": result.role,
        "provider": result.provider,
        "model_id": result.model_id,
        "served_model": result.served_model,
        "text": result.text,
        "finish": result.finish.value,
        "usage": {
            "input": result.usage.input_total,
            "cached": result.usage.cache_read,
            "output": result.usage.output_total,
            "reasoning": result.usage.reasoning,
        },
        "cost_eur": result.cost_eur,
        "cost_basis": result.extra.get("cost_basis", ""),
        "cut": result.finish is Finish.LENGTH,
        "latency_ms": round(result.latency_ms, 3),
        "hop": result.hop,
        "fallback": result.fallback,
        "degraded": result.degraded,
        "recorded": result.recorded,
        "seq": result.seq,
    }
