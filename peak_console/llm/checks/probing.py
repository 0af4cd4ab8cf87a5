"""Asking providers for their free lists: GET requests without a body. No prompt leaves, nothing is spent.

Neither the gate nor the ledger is asked: this works while everything is STOPPED, and without a node.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from peak_console.budget.prices import bound
from peak_console.config.configs import Configs
from peak_console.config.matrix import ChainEntry
from peak_console.domain.calls import Message
from peak_console.domain.clock import Clock
from peak_console.domain.money import text_from_nano
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.llm.checks import judging
from peak_console.llm.checks.judging import Finding, Status
from peak_console.llm.checks.targets import Target
from peak_console.llm.credentials import Credentials
from peak_console.llm.providers.adapters import ADAPTERS
from peak_console.llm.providers.listing import ListedModel, Listing, listings
from peak_console.llm.providers.wire import Malformed, WireCall
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, HttpResponse, NetError, NetErrorKind, bare_url

MOST_PAGES: Final = 20
MAX_BYTES: Final = 16 * 1024 * 1024
"""The longest list that is read; the longest known one is under 2 MB."""

_UNREACHED: Final = {
    NetErrorKind.CONNECT: "no connection",
    NetErrorKind.TLS: "TLS failed",
    NetErrorKind.TIMEOUT_CONNECT: "no connection in time",
    NetErrorKind.TIMEOUT_FIRST_BYTE: "no answer in time",
    NetErrorKind.TIMEOUT_TOTAL: "no whole answer in time",
    NetErrorKind.LOST: "the connection was lost",
}


@dataclass(slots=True)
class Report:
    """What was found out about one target."""

    target: Target
    findings: list[Finding] = field(default_factory=list)
    requests: int = 0
    """How many requests left; each of them was a GET."""

    @property
    def unreachable(self) -> bool:
        """Whether no answer came."""
        return any(one.check == "reachable" and one.status is Status.FAIL for one in self.findings)

    @property
    def failed(self) -> bool:
        """Whether a check failed."""
        return any(one.status is Status.FAIL for one in self.findings)

    @property
    def undecided(self) -> bool:
        """Whether a check that could have come out did not."""
        return any(
            one.status is Status.UNKNOWN and one.reason not in {"not_provable_free", "not_told"}
            for one in self.findings
        )

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        url = self.target.base_url
        return {
            "provider": self.target.provider,
            "base_url": bare_url(url) if url else None,
            "origin": self.target.origin,
            "slots": [f"{slot.layer}.{slot.role}" for slot in self.target.slots],
            "requests": self.requests,
            "findings": [one.as_dict() for one in self.findings],
        }


@dataclass(slots=True)
class Prober:
    """Checks targets over one transport. ``wait_s`` bounds each request, from connecting to its last byte."""

    configs: Configs
    credentials: Credentials
    clock: Clock
    simulated: bool
    phase: PhaseLevel
    wait_s: float = 15.0
    told: Callable[[str, int, int], None] = lambda _provider, _done, _all: None
    """Told of progress: the provider that is done, how many are, of how many."""

    async def check(self, targets: Sequence[Target]) -> list[Report]:
        """The reports of all targets, asked side by side, in the order given."""
        done = 0
        async with aclosing(HttpTransport(max_bytes=MAX_BYTES)) as transport:

            async def one(target: Target) -> Report:
                nonlocal done
                report = await _Check(self, transport, target).run()
                done += 1
                self.told(target.provider, done, len(targets))
                return report

            return list(await asyncio.gather(*(one(target) for target in targets)))


@dataclass(slots=True)
class _Check:
    """One target's checks, in order; each stands on those before it."""

    prober: Prober
    transport: HttpTransport
    target: Target
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(self.target)

    async def run(self) -> Report:
        prober, target, findings = self.prober, self.target, self.report.findings
        findings.append(judging.key_finding(target, prober.credentials, simulated=prober.simulated))
        findings.append(judging.address_finding(target, simulated=prober.simulated, phase=prober.phase))
        may_go = findings[-1].status is not Status.FAIL and findings[0].reason != "real_key"
        region = None if prober.simulated else judging.region_finding(target, prober.credentials)
        findings += [region] if region is not None else []
        costs = self._costs()
        if may_go and target.base_url is not None:
            await self._ask(target.base_url, costs)
        findings += judging.unproved_deployments(target, costs)
        return self.report

    async def _ask(self, base_url: str, costs: Mapping[str, str]) -> None:
        listed: list[ListedModel] = []
        known, tells_ends = True, False
        for place, listing in enumerate(listings(self.target.provider, base_url)):
            models = await self._list(listing, first=place == 0)
            if models is None:
                known = False
                break
            listed += models
            tells_ends = tells_ends or listing.tells_ends
        if known:
            today = self.prober.clock.now().date()
            self.report.findings += judging.model_findings(self.target, listed, today, tells_ends=tells_ends)
        elif self._taken():
            names = {slot.deployment or slot.model_id: slot for slot in reversed(self.target.slots)}
            if self.target.provider != "azure":  # whose deployments are told in any case
                self.report.findings += (
                    judging.probe_finding("model", name, slot, costs.get(name))
                    for name, slot in names.items()
                )
        elif not any(one.check == "list" for one in self.report.findings):
            self.report.findings.append(
                Finding(
                    "list",
                    self.target.provider,
                    Status.UNKNOWN,
                    "not_read",
                    f"not read; models of the matrix that stay unproved: {len(self.target.used)}",
                    "mend what failed above and check again",
                )
            )

    def _taken(self) -> bool:
        """Whether the provider answered a request with a key, and did not refuse it."""
        said = {one.reason for one in self.report.findings if one.check == "accepted"}
        return bool(said) and not said & {"no_key", "authentication", "permission"}

    async def _list(self, listing: Listing, *, first: bool) -> list[ListedModel] | None:
        """All pages of a list; ``None`` where it could not be read, which is then among the findings."""
        found: list[ListedModel] = []
        token: str | None = None
        for page_number in range(MOST_PAGES):
            answer = await self._answer(listing.request(token), first=first and page_number == 0)
            if answer is None:
                return None
            try:
                page = listing.read(answer.body)
            except Malformed as wrong:
                self._unread(listing, "malformed", one_line(str(wrong), 200))
                return None
            found += page.models
            if page.token is None:
                return found
            token = page.token
        self._unread(listing, "endless", f"it has more than {MOST_PAGES} pages")
        return None

    async def _answer(self, request: HttpRequest, *, first: bool) -> HttpResponse | None:
        """A 200 answer, or ``None`` and findings that say why."""
        prober, target, provider = self.prober, self.target, self.target.provider
        now = prober.clock.now()
        sent = prober.credentials.authorised(target.adapter, request, simulated=prober.simulated, now=now)
        began = time.monotonic()
        self.report.requests += 1
        try:
            deadlines = Deadlines(total_s=prober.wait_s, connect_s=min(5.0, prober.wait_s))
            answer = await self.transport.send(sent or request, deadlines=deadlines)
        except NetError as error:
            self.report.findings.append(_unanswered(provider, error))
            return None
        took_s = time.monotonic() - began
        body = answer.body
        if sent is not None and answer.status != 200:  # noqa: PLR2004 - RFC 9110; errors quote keys
            text = prober.credentials.struck(body.decode("utf-8", "replace"), sent, target.adapter)
            body = text.encode("utf-8", "replace")
        accepted = judging.accepted_finding(
            target, answer.status, body, key_sent=sent is not None, simulated=prober.simulated
        )
        if first:
            middle = now + timedelta(seconds=took_s / 2)
            signed = sent is not None and "x-amz-date" in {name.lower() for name in sent.headers}
            detail = f"HTTP {answer.status} in {took_s * 1000:.0f} ms"
            self.report.findings += [
                Finding("reachable", provider, Status.OK, "answered", detail),
                judging.clock_finding(target, answer.headers.get("date"), middle, signed=signed),
            ]
        if first or accepted.status is not Status.OK:
            self.report.findings.append(accepted)
        return answer if accepted.status is Status.OK else None

    def _unread(self, listing: Listing, reason: str, detail: str) -> None:
        self.report.findings.append(
            Finding(
                "list",
                self.target.provider,
                Status.UNKNOWN,
                reason,
                f"the list of {listing.what} cannot be read: {detail}",
                "check that the address is the provider's own, or a proxy that hands its lists on",
            )
        )

    def _costs(self) -> dict[str, str]:
        """What one token of output of each slot would cost at most in EUR, by what goes on the wire."""
        found = ((slot.deployment or slot.model_id, self._cost(slot)) for slot in self.target.slots)
        return {name: cost for name, cost in found if cost is not None}

    def _cost(self, slot: ChainEntry) -> str | None:
        configs = self.prober.configs
        entry = configs.models.find(slot.provider, slot.model_id)
        price = configs.prices.find(slot.provider, slot.model_id, self.prober.clock.now().date())
        adapter = ADAPTERS.get((slot.provider, entry.endpoint.value)) if entry else None
        rate = configs.budgets.eur_per_usd
        if entry is None or price is None or adapter is None or rate is None:
            return None
        call = WireCall(
            base_url=self.target.base_url or "https://unknown.invalid",
            model_id=slot.deployment or slot.model_id,
            messages=(Message(role="user", content="."),),
            max_output_tokens=1,
            api_version=entry.api_version,
        )
        size = len(adapter.build(call).body)
        return text_from_nano(bound(price, input_tokens=size, max_output_tokens=1, eur_per_usd=rate))


def _unanswered(provider: str, error: NetError) -> Finding:
    """A request without a usable answer: not reached, or reached and not to be used."""
    detail = one_line(error.message, 300)
    if error.kind is NetErrorKind.REDIRECT:
        remedy = "redirects are never followed: set the address they point to, if it is the provider's"
        return Finding("address", provider, Status.FAIL, "redirect", detail, remedy)
    if error.kind in {NetErrorKind.DENIED, NetErrorKind.ADDRESS}:
        return Finding("address", provider, Status.FAIL, error.kind.value, detail, "correct the address")
    if error.kind not in _UNREACHED:
        remedy = "check that the address is the provider's own"
        return Finding("list", provider, Status.UNKNOWN, error.kind.value, detail, remedy)
    reason = "dns" if _unresolved(error) else error.kind.value
    what = "the name is not known" if reason == "dns" else _UNREACHED[error.kind]
    remedies = {
        "dns": "check the address, and this machine's name resolution",
        "tls": "check this machine's clock and trust store, and what stands between",
    }
    remedy = remedies.get(reason, "check the network, a firewall, and the provider's status page")
    return Finding(
        "reachable",
        provider,
        Status.FAIL,
        reason,
        f"{what}: {detail.removeprefix('no connection: ')}",
        remedy,
    )


def _unresolved(error: BaseException) -> bool:
    """Whether a failed look-up of the name is among the causes."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None or isinstance(cause, socket.gaierror):
            break
        cause = cause.__cause__ or cause.__context__
    return isinstance(cause, socket.gaierror)
