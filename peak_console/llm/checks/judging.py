"""What is found out about a provider without asking a model: from configs, keys and free lists. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from peak_console.config.matrix import ChainEntry
from peak_console.config.registry import NEAR_SHUTDOWN_DAYS, ModelEntry
from peak_console.domain.addresses import is_loopback
from peak_console.domain.text import one_line
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.llm.checks.targets import Target
from peak_console.llm.credentials import Credentials
from peak_console.llm.providers.adapters import ADAPTERS, base_url_variable, placeholders
from peak_console.llm.providers.listing import ListedModel, region_of
from peak_console.llm.providers.wire import error_object
from peak_console.net.addresses import unfit
from peak_console.net.messages import bare_url
from peak_console.policy.deny import hard_deny

SKEW_TOLD_S: Final = 60.0
"""A clock further off than this is told."""
SKEW_SIGNED_S: Final = 300.0
"""AWS takes a signature for five minutes around its own time."""

_LONGEST: Final = 300


class Status(StrEnum):
    """How a check came out. What could not be found out is never ``ok``."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome: what was looked at, how it came out, by which reason, what to do."""

    check: str
    """key, address, region, reachable, accepted, clock, list, model, shutdown or deployment."""
    subject: str
    status: Status
    reason: str
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return {
            "check": self.check,
            "subject": self.subject,
            "status": self.status.value,
            "reason": self.reason,
            "detail": self.detail,
            "remedy": self.remedy,
        }


def key_finding(target: Target, credentials: Credentials, *, simulated: bool) -> Finding:
    """Whether a key is set and by which variable; never what it is."""
    adapter, provider = target.adapter, target.provider
    variables = adapter.key_variable
    if adapter.signs:
        variables += ", or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if simulated:
        if provider in credentials.real():
            detail = "a simulated workspace is refused while a real key stands in the environment"
            return Finding("key", provider, Status.FAIL, "real_key", detail, f"unset {variables}")
        return Finding("key", provider, Status.OK, "simulated", "a simulated workspace takes no key")
    if provider not in credentials.providers():
        detail = f"none that is usable: {variables} not set"
        return Finding("key", provider, Status.FAIL, "key_missing", detail, f"export {variables}")
    if provider not in credentials.signing_only():
        return Finding("key", provider, Status.OK, "set", f"{adapter.key_variable} is set")
    bearer_only = sorted(
        one.model_id
        for one in target.used
        if (found := ADAPTERS.get((provider, one.endpoint.value))) is not None and not found.signs
    )
    if bearer_only:
        detail = f"AWS access keys are set, and {', '.join(bearer_only)} takes no signature"
        remedy = f"export {adapter.key_variable}"
        return Finding("key", provider, Status.FAIL, "key_missing", detail, remedy)
    return Finding("key", provider, Status.OK, "set", "AWS access keys are set; requests are signed")


def address_finding(target: Target, *, simulated: bool, phase: PhaseLevel) -> Finding:
    """Where requests go, and whether they may (the hard deny, TLS, decision 29, a simulation's loopback)."""
    url, provider = target.base_url, target.provider
    variable = base_url_variable(provider)

    def refused(reason: str, detail: str, remedy: str) -> Finding:
        return Finding("address", provider, Status.FAIL, reason, one_line(detail, _LONGEST), remedy)

    if url is None:
        return refused(
            "address_missing",
            f"the environment does not tell it: {target.adapter.base_url}",
            "export what stands in braces, or set base_url in the matrix",
        )
    shown = f"{bare_url(url)} ({target.origin})"
    change = f"unset {variable}" if target.origin == "environment" else "correct it in the matrix"
    if (denial := hard_deny(provider=provider, base_url=url)) is not None:
        return refused(denial.rule, denial.message, change)
    if (why := unfit(url)) is not None:
        return refused("address_unfit", f"{shown} is refused: {why}", change)
    if simulated:
        if is_loopback(url):
            return Finding("address", provider, Status.OK, "loopback", f"{shown}; simulated")
        detail = f"a simulated workspace calls this machine only, not {shown}"
        return refused("not_loopback", detail, f"set {variable} to its simulator, or run peak demo")
    set_elsewhere = target.origin == "environment" and not target.in_matrix
    strange = target.origin == "built in" and not target.adapter.at_home(url)
    if (set_elsewhere or strange) and phase.at_least(PhaseLevel.SHADOW):
        detail = f"from shadow on {shown} must stand in the matrix as well"
        if strange:
            change = f"set {' and '.join(placeholders(target.adapter.base_url))} to {provider}'s own"
        return refused("not_in_matrix", detail, f"{change} or set base_url in the matrix")
    if set_elsewhere:
        detail = f"{shown}: keys and prompts go there"
        return Finding("address", provider, Status.WARN, "overridden", detail, change)
    return Finding("address", provider, Status.OK, "fit", shown)


def region_finding(target: Target, credentials: Credentials) -> Finding | None:
    """Whether address and environment name one AWS region; ``None`` for providers without regions."""
    if "{AWS_REGION}" not in target.adapter.base_url:
        return None
    own = credentials.address(target.adapter)
    told = region_of(own) if own else None
    named = region_of(target.base_url or "")
    if told is None and named is None:
        detail = "neither AWS_REGION nor AWS_DEFAULT_REGION holds a region, and the address names none"
        remedy = "export AWS_REGION=eu-central-1, or the region of your model access"
        return Finding("region", target.provider, Status.FAIL, "region_missing", detail, remedy)
    if told is not None and named is not None and told != named:
        detail = f"the address names {named}, AWS_REGION {told}; requests go to {named}"
        return Finding(
            "region", target.provider, Status.WARN, "region_differs", detail, f"export AWS_REGION={named}"
        )
    return Finding("region", target.provider, Status.OK, "region", str(named or told))


def accepted_finding(
    target: Target, status: int, body: bytes, *, key_sent: bool, simulated: bool = False
) -> Finding:
    """What the provider says to our key, by the answer to a request for its list."""
    provider, error = target.provider, error_object(body) if status >= 400 else {}  # noqa: PLR2004 - RFC 9110
    message = error.get("message") or error.get("detail") or error.get("code")
    said = f"HTTP {status}" + (f": {one_line(message, 160)}" if isinstance(message, str) and message else "")
    if not key_sent:
        detail = f"no key was sent ({said})"
        return Finding("accepted", provider, Status.UNKNOWN, "no_key", detail, "set the key and check again")
    if status == 200:  # noqa: PLR2004 - RFC 9110
        if simulated:
            return Finding("accepted", provider, Status.OK, "simulated", "the simulator takes any key")
        return Finding("accepted", provider, Status.OK, "accepted", "the key is taken")
    if status == 401 or _invalid_key(error):  # noqa: PLR2004 - RFC 9110
        remedy = f"check {target.adapter.key_variable}: a key of another account, revoked, or cut"
        return Finding("accepted", provider, Status.FAIL, "authentication", said, remedy)
    if status == 403:  # noqa: PLR2004 - RFC 9110
        right = (
            "bedrock:ListFoundationModels and bedrock:ListInferenceProfiles" if provider == "bedrock" else ""
        )
        remedy = f"permit the key {right or 'to list models'}, or check its project, network and region"
        return Finding("accepted", provider, Status.FAIL, "permission", said, remedy)
    remedy = "check the address; ask again later where the provider is overloaded"
    return Finding("accepted", provider, Status.UNKNOWN, f"http_{status}", said, remedy)


def _invalid_key(error: Mapping[str, object]) -> bool:
    """Google answers a wrong key with 400 and says so in the details (google.rpc.ErrorInfo)."""
    details = error.get("details")
    reasons = (
        [one.get("reason") for one in details if isinstance(one, Mapping)]
        if isinstance(details, list)
        else []
    )
    return "API_KEY_INVALID" in reasons or error.get("code") == "invalid_api_key"


def clock_finding(target: Target, told: str | None, now: datetime, *, signed: bool) -> Finding:
    """How far this machine's clock is from the provider's, by the ``Date`` of its answer.

    ``now`` is the middle between sending and receiving.
    """
    try:
        theirs = parsedate_to_datetime(told or "")
        off = (now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return Finding("clock", target.provider, Status.UNKNOWN, "no_date", "the answer carries no date")
    detail = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the provider's"
    remedy = "set the clock: chronyc makestep, or switch time synchronisation on"
    if abs(off) > SKEW_SIGNED_S and signed:
        detail += "; AWS refuses signatures that far off"
        return Finding("clock", target.provider, Status.FAIL, "skew", detail, remedy)
    if abs(off) > SKEW_TOLD_S:
        return Finding("clock", target.provider, Status.WARN, "skew", detail, remedy)
    return Finding("clock", target.provider, Status.OK, "in_time", f"within {max(abs(off), 1):.0f} s")


def model_findings(
    target: Target, listed: Iterable[ListedModel], today: date, *, tells_ends: bool
) -> Iterator[Finding]:
    """Each model of the matrix and the registry against the provider's list, and their ends against ours."""
    by_name = {one.name: one for one in listed}
    for entry in (*target.used, *target.others):
        used = entry in target.used
        found = _found(entry, by_name, today)
        yield _presence(entry, found, today, used=used)
        if found is not None:
            yield from _shutdown(entry, found, today, used=used, tells_ends=tells_ends)
    if target.provider == "bedrock":
        yield from _profiles(target, by_name)


def _found(entry: ModelEntry, listed: Mapping[str, ListedModel], today: date) -> ListedModel | None:
    """The model under its own name; Azure lists base models with their versions, so there by any echo.

    Which version a deployment has is not told: of several, the one that ends next.
    """
    if entry.model_id in listed or entry.provider != "azure":
        return listed.get(entry.model_id)
    versions = [one for name, one in listed.items() if entry.echoed_as(name)]
    ahead = [one for one in versions if one.ends is None or one.ends > today]
    if ahead:
        return min(ahead, key=lambda one: (one.ends or date.max, one.name))
    return max(versions, key=lambda one: (one.ends or date.max, one.name), default=None)


def _presence(entry: ModelEntry, found: ListedModel | None, today: date, *, used: bool) -> Finding:
    if found is not None:
        return Finding("model", entry.model_id, Status.OK, "listed", "listed")
    gone = (
        f"; it was shut down on {entry.lifecycle.shutdown}"
        if entry.lifecycle and entry.shut_down(today)
        else ""
    )
    detail = f"not in the provider's list{gone}"
    if used:
        successor = entry.lifecycle.successor if entry.lifecycle else None
        remedy = (
            f"put {successor} in its place" if successor else "name a model that is listed, or ask for access"
        )
        return Finding("model", entry.model_id, Status.FAIL, "not_listed", detail, remedy)
    remedy = "set allowed = false in models.toml, or ask the provider for access"
    return Finding("model", entry.model_id, Status.WARN, "not_listed", detail, remedy)


def _shutdown(
    entry: ModelEntry, found: ListedModel, today: date, *, used: bool, tells_ends: bool
) -> Iterator[Finding]:
    ours = entry.lifecycle.shutdown if entry.lifecycle else None
    name, theirs = entry.model_id, found.ends
    known = f"models.toml says {ours}" if ours else "models.toml has no date"
    if theirs is None:
        if found.retiring:
            detail = f"the provider calls it legacy or deprecated and names no day; {known}"
            remedy = "look its end up, write it under [model.lifecycle], and plan the move"
            yield Finding("shutdown", name, Status.WARN, "retiring", detail, remedy)
        elif ours is not None and tells_ends:
            detail = f"the provider's list names no end; {known}"
            yield Finding(
                "shutdown",
                name,
                Status.UNKNOWN,
                "not_told",
                detail,
                "look it up on the provider's page of deprecations",
            )
        return
    days = (theirs - today).days
    detail = f"the provider says {theirs}; {known}"
    if theirs != ours:
        remedy = f"write shutdown = {theirs} under the model's [model.lifecycle], with its source"
        grave = Status.FAIL if used and days <= 0 else Status.WARN
        yield Finding("shutdown", name, grave, "date_differs", detail, remedy)
    elif used and days <= NEAR_SHUTDOWN_DAYS:
        grave = Status.FAIL if days <= 0 else Status.WARN
        yield Finding("shutdown", name, grave, "near", f"{detail}: in {days} days", "move to its successor")
    else:
        yield Finding("shutdown", name, Status.OK, "agrees", detail)


def _profiles(target: Target, listed: Mapping[str, ListedModel]) -> Iterator[Finding]:
    for name in dict.fromkeys(slot.deployment for slot in target.slots if slot.deployment):
        if name in listed:
            yield Finding("deployment", name, Status.OK, "listed", "the inference profile is listed")
        else:
            yield Finding(
                "deployment",
                name,
                Status.FAIL,
                "not_listed",
                "no inference profile of that name in this region",
                "name one of the region's profiles, or another region",
            )


def unproved_deployments(target: Target, costs: Mapping[str, str]) -> Iterator[Finding]:
    """Azure's deployments stand in no free list: what asking one of them would cost (EUR, by name)."""
    if target.provider != "azure":
        return
    for slot in target.slots:
        name = slot.deployment or slot.model_id
        yield probe_finding("deployment", name, slot, costs.get(name))


def probe_finding(check: str, name: str, slot: ChainEntry, cost_eur: str | None) -> Finding:
    """What no free list proves, and what one call for one token of output would cost at most."""
    if cost_eur is None:
        detail = "no free list proves it, and without a price nobody may ask it"
        return Finding(check, name, Status.UNKNOWN, "unpriced", detail, "add its price to prices.toml")
    detail = (
        f"no free list proves it; one token of output would cost at most {cost_eur} EUR. Nothing was sent"
    )
    remedy = f"to ask it, in a run with a budget: peak call {slot.layer} {slot.role}"
    return Finding(check, name, Status.UNKNOWN, "not_provable_free", detail, remedy)
