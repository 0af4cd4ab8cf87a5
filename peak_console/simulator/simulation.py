"""What the simulated providers do with a request: refuse, fail, be down, or answer. No sockets here."""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from peak_console.simulator import responses_wire
from peak_console.simulator.exact import exact
from peak_console.simulator.exchange import REFUSAL, Ask, Rejected, Reply, Trouble, Written
from peak_console.simulator.faults import TEXTS, Fault, FaultDesk
from peak_console.simulator.ideas import broken, idea, is_idea_schema
from peak_console.simulator.jobs import Jobs
from peak_console.simulator.models import PROVIDERS, Profile, find
from peak_console.simulator.outages import OutagePlan
from peak_console.simulator.rates import RateLimit
from peak_console.simulator.steering import Change, Steering, happens
from peak_console.simulator.structured import value_for
from peak_console.simulator.texts import written
from peak_console.simulator.verdicts import failed, is_verdict_schema, judged
from peak_console.simulator.voices import spoken
from peak_console.simulator.wires import WIRES, Wire

_CONTEXT_TOKENS: Final = 400_000
_ERROR_SHARES: Final = {
    Trouble.RATE_LIMITED: 0.45,
    Trouble.SERVER_ERROR: 0.25,
    Trouble.UNAVAILABLE: 0.2,
    Trouble.OVERLOADED: 0.07,
    Trouble.TIMED_OUT: 0.03,
}
_OUTAGE_SHARES: Final = {Trouble.UNAVAILABLE: 0.7, Trouble.OVERLOADED: 0.2, Trouble.SERVER_ERROR: 0.1}
_FAULT_TROUBLES: Final = {
    Fault.RATE_LIMITED: Trouble.RATE_LIMITED,
    Fault.RATE_LIMITED_LONG: Trouble.RATE_LIMITED,
    Fault.QUOTA: Trouble.QUOTA,
    Fault.SERVER_ERROR: Trouble.SERVER_ERROR,
    Fault.UNAVAILABLE: Trouble.UNAVAILABLE,
    Fault.OVERLOADED: Trouble.OVERLOADED,
    Fault.TIMED_OUT: Trouble.TIMED_OUT,
    Fault.UNAUTHENTICATED: Trouble.UNAUTHENTICATED,
    Fault.UNKNOWN_MODEL: Trouble.UNKNOWN_MODEL,
    Fault.CONTEXT_LENGTH: Trouble.CONTEXT_LENGTH,
}
_REQUEST_ID: Final = {"azure": "apim-request-id", "bedrock": "x-amzn-requestid"}
_REFUSAL_FIELD: Final = frozenset({"openai", "azure"})
_LONG_WAIT_S: Final = 3600
_QUICK_S: Final = 0.03
"""How long an error takes: a gateway answers at once."""

_MESSAGES: Final = {
    Trouble.UNAUTHENTICATED: "Incorrect API key provided.",
    Trouble.UNKNOWN_MODEL: "The model `{model}` does not exist or you do not have access to it.",
    Trouble.NOT_A_CHAT_MODEL: "This is not a chat model and thus not supported in v1/chat/completions.",
    Trouble.CONTEXT_LENGTH: "This model's maximum context length is 400000 tokens.",
    Trouble.RATE_LIMITED: "Rate limit reached for {model} on requests per min (RPM).",
    Trouble.QUOTA: "You exceeded your current quota, please check your plan and billing details.",
    Trouble.SERVER_ERROR: "The server had an error while processing your request. Sorry about that!",
    Trouble.UNAVAILABLE: "The engine is currently overloaded, please try again later.",
    Trouble.OVERLOADED: "Overloaded",
    Trouble.TIMED_OUT: "The request timed out.",
}


@dataclass(frozen=True, slots=True)
class Decided:
    """A reply, how long it takes to come, and what is wrong with how it comes."""

    reply: Reply
    delay_s: float
    fault: Fault | None = None
    first_s: float = 0.0
    """Of a streamed reply: when its first piece comes; the others follow evenly until ``delay_s``."""


@dataclass(slots=True)
class Simulation:
    """The simulated providers. ``now_s`` gives seconds; times are counted from ``started_s``."""

    seed: int = 0
    error_rate: float = 0.02
    latency_scale: float = 1.0
    outages: OutagePlan = field(default_factory=lambda: OutagePlan(0, PROVIDERS, every_s=0))
    desk: FaultDesk = field(default_factory=FaultDesk)
    steering: Steering = field(default_factory=Steering)
    now_s: Callable[[], float] = time.monotonic
    requests_per_minute: int = 60_000
    started_s: float = field(init=False)
    serial: int = field(init=False, default=0)
    counts: Counter[tuple[str, str, str]] = field(init=False, default_factory=Counter)
    """Requests by provider, model and outcome: ``ok``, a trouble or a fault."""
    rates: dict[str, RateLimit] = field(init=False)
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.started_s = self.now_s()
        self.jobs = Jobs(self.now_s)
        self.rates = {name: RateLimit(self.requests_per_minute) for name in PROVIDERS}

    def answer(
        self,
        provider: str,
        model: str | None,
        headers: Mapping[str, str],
        body: bytes,
        *,
        key: str | None,
        interface: str = "",
        stream: bool = False,
    ) -> Decided:
        """What ``provider`` does with a request on one of its interfaces.

        ``model`` and ``stream`` where the address tells them, ``key`` as sent.
        """
        self.serial += 1
        wire = WIRES[provider, interface or ("generate_content" if provider == "google" else "chat")]
        draw = random.Random(f"{self.seed}/{provider}/{self.serial}")  # noqa: S311 - a simulation, not a secret
        try:
            ask = wire.read(model, body, stream)
            profile = self._admitted(ask, key)
        except Rejected as rejected:
            self._count(provider, model or "?", rejected.trouble)
            return self._decided(self._error(wire, rejected), _QUICK_S)
        fault = self.desk.pick(headers, body, provider, ask.model, draw)
        trouble = self._trouble(ask, fault, draw)
        if trouble is not None:
            return self._troubled(wire, ask, trouble, fault, draw)
        self._count(provider, ask.model, fault or "ok")
        return self._answered(wire, ask, profile, fault, draw)

    def follow(self, response_id: str, *, cancel: bool = False) -> Reply:
        """A background response as it stands, or after cancelling it."""
        self.serial += 1
        body = self.jobs.cancel(response_id) if cancel else self.jobs.look(response_id)
        if body is None:
            gone = Rejected(Trouble.UNKNOWN_MODEL, f"Response with id '{response_id}' not found.", "id")
            return self._error(WIRES["openai", "responses"], gone)
        return responses_wire.reply(body)

    def _admitted(self, ask: Ask, key: str | None) -> Profile:
        """The model that answers; raises ``Rejected``."""
        if not key:
            raise Rejected(Trouble.UNAUTHENTICATED, "You didn't provide an API key.")
        profile = find(ask.provider, ask.model)
        if profile is None:
            raise Rejected(
                Trouble.UNKNOWN_MODEL, _MESSAGES[Trouble.UNKNOWN_MODEL].format(model=ask.model), "model"
            )
        if not profile.chat and not ask.responses:
            raise Rejected(Trouble.NOT_A_CHAT_MODEL, _MESSAGES[Trouble.NOT_A_CHAT_MODEL], "model")
        if profile.refuses_temperature and ask.temperature not in {None, 1.0}:
            message = "Unsupported value: 'temperature' does not support this value with this model."
            raise Rejected(Trouble.UNSUPPORTED_PARAMETER, message, "temperature")
        if profile.refuses_temperature and ask.uses_max_tokens:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            raise Rejected(Trouble.UNSUPPORTED_PARAMETER, message, "max_tokens")
        if tokens(ask.system + ask.prompt) + ask.max_output_tokens > _CONTEXT_TOKENS:
            raise Rejected(Trouble.CONTEXT_LENGTH, _MESSAGES[Trouble.CONTEXT_LENGTH], "messages")
        return profile

    def _trouble(self, ask: Ask, fault: Fault | None, draw: random.Random) -> Trouble | None:
        if fault is not None:
            return _FAULT_TROUBLES.get(fault)
        now = self.now_s() - self.started_s
        if not self.rates[ask.provider].admit(now):
            return Trouble.RATE_LIMITED
        if self.outages.down(ask.provider, now):
            return draw.choices(tuple(_OUTAGE_SHARES), tuple(_OUTAGE_SHARES.values()))[0]
        if draw.random() < self.error_rate:
            return draw.choices(tuple(_ERROR_SHARES), tuple(_ERROR_SHARES.values()))[0]
        return None

    def _troubled(
        self, wire: Wire, ask: Ask, trouble: Trouble, fault: Fault | None, draw: random.Random
    ) -> Decided:
        self._count(ask.provider, ask.model, trouble)
        rejected = Rejected(trouble, _MESSAGES[trouble].format(model=ask.model))
        wait = _LONG_WAIT_S if fault is Fault.RATE_LIMITED_LONG else draw.choice((1, 1, 2))
        told = wait if trouble is Trouble.RATE_LIMITED else None
        return self._decided(self._error(wire, rejected, told), _QUICK_S)

    def _error(self, wire: Wire, rejected: Rejected, wait_s: int | None = None) -> Reply:
        reply = wire.error(rejected, wait_s)
        return replace(reply, headers={**self._headers(wire), **reply.headers})

    def _answered(
        self, wire: Wire, ask: Ask, profile: Profile, fault: Fault | None, draw: random.Random
    ) -> Decided:
        change = self.steering.of(ask.provider, ask.model, profile.name, profile.served_as)
        said = self._written(ask, profile, change, draw)
        if happens(change.refusal, draw):
            said = _declined(said, ask.provider)
        answer = _faulty(said, fault)
        self.rates[ask.provider].spend(said.input_tokens + said.output_tokens)
        median_ms = profile.first_ms + profile.token_ms * said.output_tokens
        spread = math.exp(draw.gauss(0.0, profile.sigma)) * change.latency
        delay_s = median_ms * spread / 1000
        headers = self._headers(wire)
        if ask.provider == "openai":
            headers["openai-processing-ms"] = str(round(delay_s * self.latency_scale * 1000))
        if ask.background:
            begun = responses_wire.reply(self.jobs.begin(answer, delay_s * self.latency_scale))
            return self._decided(replace(begun, headers=headers), _QUICK_S, fault)
        if fault is Fault.NO_USAGE:
            ask = replace(ask, usage_wanted=False)
        reply = replace(wire.write(answer, ask), headers=headers)
        return self._decided(reply, delay_s, fault, first_s=profile.first_ms * spread / 1000)

    def _written(self, ask: Ask, profile: Profile, change: Change, draw: random.Random) -> Written:
        text = _text(ask, change, draw)
        said = tokens(text)
        thought = round(said * profile.reasoning_pct / 100 * draw.uniform(0.6, 1.4) / 64) * 64
        limit = ask.max_output_tokens
        cut = said + thought > limit
        if cut:
            thought = min(thought, limit // 2)
            said = limit - thought
            text = text[: said * 4]
        prompt = tokens(ask.system) + tokens(ask.prompt) + 7
        cached = prompt // 128 * 128 if prompt > 1024 and draw.random() < 0.4 else 0  # noqa: PLR2004 - the provider's least prefix, a share
        return Written(
            text=text,
            served_as=change.served_as or profile.served_as,
            cut=cut,
            input_tokens=min(prompt, ask.sent_bytes),
            cached_tokens=min(cached, ask.sent_bytes),
            output_tokens=said + thought,
            reasoning_tokens=thought,
            serial=self.serial,
            created=int(time.time()),
            searches=draw.randint(1, ask.searches) if ask.searches else 0,
            fingerprint=change.fingerprint or profile.fingerprint,
        )

    def _headers(self, wire: Wire) -> dict[str, str]:
        if wire.provider == "google":
            return {"server-timing": "gfet4t7; dur=1"}
        name = _REQUEST_ID.get(wire.provider, "x-request-id")
        return {name: f"req_sim_{self.seed}_{self.serial:09d}", **wire.limits(self.rates[wire.provider])}

    def _decided(
        self, reply: Reply, delay_s: float, fault: Fault | None = None, *, first_s: float = 0.0
    ) -> Decided:
        return Decided(reply, delay_s * self.latency_scale, fault, first_s * self.latency_scale)

    def _count(self, provider: str, model: str, outcome: str) -> None:
        if len(self.counts) < 10_000 or (provider, model, outcome) in self.counts:  # noqa: PLR2004 - bounded memory
            self.counts[provider, model, str(outcome)] += 1


def tokens(text: str) -> int:
    """About how many tokens a text has: one for four characters of English."""
    return (len(text) + 3) // 4


def _text(ask: Ask, change: Change, draw: random.Random) -> str:
    """What the model says, or whoever sits in its place."""
    text = _said(ask, change, draw)
    if happens(change.malformed, draw):
        return broken(text, draw) if ask.schema else text.replace("## ", "")
    return spoken(text, change.voice)


def _said(ask: Ask, change: Change, draw: random.Random) -> str:
    if ask.schema is None:
        answer = exact(ask.prompt)
        return written(ask.system, ask.prompt, draw) if answer is None else answer
    if is_verdict_schema(ask.schema):
        return failed(draw) if happens(change.critic_fail, draw) else judged(draw)
    if is_idea_schema(ask.schema):
        return idea(ask.schema, ask.prompt, draw)
    return orjson.dumps(value_for(ask.schema, draw)).decode()


def _declined(answer: Written, provider: str) -> Written:
    """The answer as one that declines: in the field for it, else withheld by the content filter."""
    if provider in _REFUSAL_FIELD:
        return replace(answer, text=REFUSAL, refused=True, cut=False)
    return replace(answer, text="", filtered=True)


def _faulty(answer: Written, fault: Fault | None) -> Written:
    """The answer with the faults that lie in what it says."""
    if fault is not None and fault in TEXTS:
        return replace(answer, text=f"{TEXTS[fault]}\n{answer.text}")
    if fault is Fault.OTHER_MODEL:
        return replace(answer, served_as="gpt-4o-2024-08-06")
    if fault is Fault.FORBIDDEN_ECHO:
        return replace(answer, served_as="claude-sonnet-4-5-20250929")
    if fault is Fault.HUGE_BILL:
        return replace(answer, input_tokens=50_000_000, output_tokens=50_000_000)
    if fault is Fault.FILTERED:
        return replace(answer, text="", filtered=True)
    if fault is Fault.LENGTH:
        return replace(answer, text=answer.text[:40], cut=True)
    return answer
