"""Policy judged again: the hard deny and guards on what was asked, and who answered. Pure."""

from typing import Final

from peak_console.config.configs import Configs
from peak_console.domain.calls import CallReason, OutcomeClass
from peak_console.domain.errors import CallRefused
from peak_console.domain.events import EventKind, LedgerEvent
from peak_console.domain.vocabulary import Layer
from peak_console.operations.replaying.configs import Known
from peak_console.operations.replaying.record import PRUNED, CallRecord, level_of
from peak_console.operations.replaying.report import Decision, Findings
from peak_console.operations.views.body_fields import text_of
from peak_console.policy.deny import Denial, deny_echo, deny_redirect, hard_deny
from peak_console.policy.guards import guard

_NAMES: Final = frozenset({"provider", "model_id", "family", "deployment", "base_url"})
_MISNAMED: Final = frozenset({CallReason.UNEXPECTED_ECHO.value, CallReason.FORBIDDEN_ECHO.value})
_CUT: Final = "…"


def replay_names(event: LedgerEvent, known: Known, found: Findings) -> None:
    """Judge again that nothing forbidden was asked: provider, model and address of a request."""
    provider, model = event.provider or "", event.model_id or ""
    address = text_of((event.body or {}).get("base_url")) or ""
    denial = hard_deny(provider=provider, model_id=model, base_url=address)
    if denial is None and known.configs is not None:
        denial = _guarded(event, known.configs)
    found.same(Decision.DENY, event, f"{provider}:{model}", "allowed", _words(denial))


def replay_denial(event: LedgerEvent, known: Known, found: Findings) -> None:
    """Judge a ``policy.denied`` again."""
    body = event.body
    if body is None:
        found.skip(Decision.DENY, event, PRUNED)
        return
    field, subject = str(body.get("field")), str(body.get("subject"))
    denial = _denied(field, subject)
    if denial is None and known.configs is None:
        found.skip(Decision.DENY, event, known.why)
        return
    if denial is None and known.configs is not None:
        denial = _guarded(event, known.configs)
    if denial is None and subject.endswith(_CUT):
        found.skip(Decision.DENY, event, "the name was cut when it was recorded")
        return
    again = (denial.rule, denial.field) if denial else ("allowed", field)
    found.same(Decision.DENY, event, f"{field} {subject}", (str(body.get("rule")), field), again)


def replay_echo(event: LedgerEvent, known: Known, found: Findings) -> None:
    """Judge again whether the model that answered is the one that was asked."""
    body = event.body
    if body is None:
        found.skip(Decision.DENY, event, PRUNED)
        return
    echo, reason = text_of(body.get("served_model")), str(body.get("reason"))
    if echo is None or (event.kind == EventKind.CALL_FAILED and reason not in _MISNAMED):
        return
    recorded = reason if reason in _MISNAMED else "answers as asked"
    if deny_echo(echo) is not None:
        replayed = CallReason.FORBIDDEN_ECHO.value
    elif known.configs is None:
        found.skip(Decision.DENY, event, known.why)
        return
    else:
        model = known.configs.models.find(event.provider or "", event.model_id or "")
        fits = model is not None and model.echoed_as(echo)
        replayed = "answers as asked" if fits else CallReason.UNEXPECTED_ECHO.value
    found.same(Decision.DENY, event, f"served model {echo}", recorded, replayed)


def replay_following(call: CallRecord, known: Known, found: Findings) -> None:
    """Judge again what followed the failures of a call: stop, the next candidate, or the chain's end."""
    for event in call.events:
        body = event.body or {}
        then = text_of(body.get("then"))
        if event.kind != EventKind.CALL_FAILED or then is None or then == "next":
            continue
        if body.get("outcome") == OutcomeClass.STOP.value:
            found.same(Decision.EXHAUSTION, event, "after a failure that stops", then, "stop")
            continue
        expected = _on_exhausted(event, call, known)
        if expected is None:
            found.skip(Decision.EXHAUSTION, event, known.why or "its slot cannot be read")
        else:
            found.same(Decision.EXHAUSTION, event, "at the chain's end", then, expected)


def _on_exhausted(event: LedgerEvent, call: CallRecord, known: Known) -> str | None:
    request = next((one for one in call.events if one.kind == EventKind.CALL_REQUESTED and one.body), None)
    if known.configs is None or request is None:
        return None
    try:
        layer = Layer(str((request.body or {}).get("asked_layer") or event.layer))
        return known.configs.matrix.settings(layer, level_of(request)).on_exhausted.value
    except (CallRefused, ValueError):
        return None


def _denied(field: str, subject: str) -> Denial | None:
    if field == "served_model":
        return deny_echo(subject)
    if field == "redirect":
        return deny_redirect(subject)
    return hard_deny(**{field: subject}) if field in _NAMES else None


def _guarded(event: LedgerEvent, configs: Configs) -> Denial | None:
    provider, model_id = event.provider or "", event.model_id or ""
    entry, rules = configs.models.find(provider, model_id), configs.matrix.global_
    return guard(
        provider=provider,
        model_id=model_id,
        family=entry.family if entry else "",
        allowed_providers=rules.allowed_providers,
        forbidden_providers=rules.forbidden_providers,
        forbidden_model_prefixes=rules.forbidden_model_prefixes,
    )


def _words(denial: Denial | None) -> str:
    return "allowed" if denial is None else f"{denial.rule}: {denial.message}"
