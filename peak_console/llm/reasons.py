"""What each reason code means, what follows, what an operator does. The reference page is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from peak_console.domain.calls import CallReason


class Stage(StrEnum):
    """How far a call had come when the reason stopped it."""

    NOT_ADMITTED = "a candidate was not admitted"
    NOT_SENT = "the call was refused before anything left"
    SENT = "something left, or was about to, and did not come back well"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One reason: its stage, what happened, what the road does then, and what a person can do."""

    stage: Stage
    happened: str
    then: str
    remedy: str


_NOT_ADMITTED, _NOT_SENT, _SENT = Stage.NOT_ADMITTED, Stage.NOT_SENT, Stage.SENT
_PASSED_OVER = "the next candidate"
_REFUSED = "the call is refused"
_RETRY = "tried again here while time and attempts last, then the next candidate"
_NEXT = "the next candidate"
_STOP = "the call fails"
_BOUND = "spent at its bound; the next candidate"

MEANINGS: Final[Mapping[CallReason, Meaning]] = MappingProxyType(
    {
        CallReason.LAYER_HAS_NO_MODELS: Meaning(
            _NOT_SENT,
            "L5 and L6 never call a model, whatever a file says",
            _REFUSED,
            "ask one of the layers L0 to L4",
        ),
        CallReason.SLOT_EMPTY: Meaning(
            _NOT_SENT,
            "the matrix holds no model for this layer and role",
            _REFUSED,
            "set the slot in the matrix",
        ),
        CallReason.MATRIX_INVALID: Meaning(
            _NOT_SENT, "the configs cannot be used as they stand", _REFUSED, "run: peak lint"
        ),
        CallReason.MATRIX_CHANGED: Meaning(
            _NOT_SENT, "the plan was made under another matrix than the node's", _REFUSED, "call again"
        ),
        CallReason.LOCK_CHANGED: Meaning(
            _NOT_SENT, "the plan was made under another lock than the node's", _REFUSED, "call again"
        ),
        CallReason.LOCK_NOT_CURRENT: Meaning(
            _NOT_SENT,
            "the lock in its place is not the one that the ledger recorded last",
            _REFUSED,
            "see which that is: peak lock check; then peak lock rollback, or peak lock write",
        ),
        CallReason.FORBIDDEN_PROVIDER: Meaning(
            _NOT_ADMITTED, "the provider is forbidden", _PASSED_OVER, "choose an allowed provider"
        ),
        CallReason.FORBIDDEN_MODEL: Meaning(
            _NOT_ADMITTED, "model, family or deployment is forbidden", _PASSED_OVER, "choose an allowed model"
        ),
        CallReason.FORBIDDEN_BASE_URL: Meaning(
            _NOT_ADMITTED, "the address names a forbidden provider", _PASSED_OVER, "remove the address"
        ),
        CallReason.PROVIDER_NOT_ALLOWED: Meaning(
            _NOT_ADMITTED,
            "the provider is not in global.allowed_providers",
            _PASSED_OVER,
            "choose an allowed provider, or allow it in the matrix",
        ),
        CallReason.MODEL_NOT_ALLOWED: Meaning(
            _NOT_ADMITTED,
            "the model is not in the registry, or not allowed there",
            _PASSED_OVER,
            "add it with allowed = true to configs/ai/models.toml",
        ),
        CallReason.MODEL_NOT_VERIFIED: Meaning(
            _NOT_ADMITTED,
            "the lock of verified models does not hold this model for this slot, as the phase demands",
            _PASSED_OVER,
            "see why: peak lock check; then write a new lock",
        ),
        CallReason.MODEL_SHUT_DOWN: Meaning(
            _NOT_ADMITTED, "the model is past its shutdown date", _PASSED_OVER, "take its successor"
        ),
        CallReason.DEPLOYMENT_UNKNOWN: Meaning(
            _NOT_ADMITTED,
            "the registry does not say which model stands behind the slot's deployment",
            _PASSED_OVER,
            "add it to the model's deployments in configs/ai/models.toml",
        ),
        CallReason.ADDRESS_MISSING: Meaning(
            _NOT_ADMITTED,
            "the environment does not tell the provider's address (its endpoint or region)",
            _PASSED_OVER,
            "export AZURE_OPENAI_ENDPOINT or AWS_REGION",
        ),
        CallReason.HOSTED_TOOL_UNPRICED: Meaning(
            _NOT_ADMITTED,
            "a tool that the provider runs has no cap in models.toml or no price in prices.toml",
            _PASSED_OVER,
            "add both, or ask without the tool",
        ),
        CallReason.BREAKER_OPEN: Meaning(
            _NOT_ADMITTED,
            "the model failed too often lately; its breaker lets nothing through until it may be probed",
            "the next candidate; where all are cooling down, the first is waited for while time lasts",
            "see which: peak status; it closes by itself once a probe succeeds",
        ),
        CallReason.ENDPOINT_UNSUPPORTED: Meaning(
            _NOT_ADMITTED,
            "the model's endpoint is not built, or does not take what the request holds",
            _PASSED_OVER,
            "choose a model on a built endpoint",
        ),
        CallReason.PRICE_MISSING: Meaning(
            _NOT_ADMITTED,
            "no price holds today; unknown is never free",
            _PASSED_OVER,
            "add it to configs/ai/prices.toml",
        ),
        CallReason.RATE_MISSING: Meaning(
            _NOT_ADMITTED, "no EUR rate is set", _PASSED_OVER, "set [currency] in configs/ai/budgets.toml"
        ),
        CallReason.KEY_MISSING: Meaning(
            _NOT_ADMITTED,
            "the provider's key is not in this environment",
            _PASSED_OVER,
            "export the key; for jobs write it into the node's environment file: peak node install --print",
        ),
        CallReason.REAL_KEY_IN_SIMULATION: Meaning(
            _NOT_ADMITTED,
            "a real key is set in the environment of a simulated workspace, which takes none",
            _PASSED_OVER,
            "unset the key; for real calls, use a workspace made by peak init",
        ),
        CallReason.BASE_URL_REFUSED: Meaning(
            _NOT_ADMITTED,
            "the address is unfit, leaves a simulation, or from shadow on does not stand in the matrix",
            _PASSED_OVER,
            "unset PEAK_PROVIDER_<NAME>_BASE_URL, or set base_url in the matrix; a simulation's simulator is "
            "started by peak demo",
        ),
        CallReason.PROVIDER_DOWN: Meaning(
            _NOT_ADMITTED,
            "the provider refused our key within the last five minutes",
            _PASSED_OVER,
            "check the provider's key",
        ),
        CallReason.BUDGET_EXCEEDED: Meaning(
            _NOT_SENT,
            "what is spent, reserved and asked for is above a limit",
            _REFUSED,
            "wait for the budget's next period, ask for less output, or raise the limit",
        ),
        CallReason.BUDGET_ZERO: Meaning(
            _NOT_SENT, "a limit is zero", _REFUSED, "raise it if calls are wanted"
        ),
        CallReason.BUDGET_MISSING: Meaning(
            _NOT_SENT,
            "no limit at run or day level; missing is never unlimited",
            _REFUSED,
            "set it in budgets.toml",
        ),
        CallReason.POSTURE: Meaning(
            _NOT_SENT,
            "the posture permits no calls",
            _REFUSED,
            'see why: peak status; open it: peak enable --reason "..." --confirm ENABLE',
        ),
        CallReason.LEDGER_UNAVAILABLE: Meaning(
            _NOT_SENT,
            "the ledger did not acknowledge the request in time, so nothing was sent",
            _REFUSED,
            "see: peak status; start the node: peak node start",
        ),
        CallReason.TEXTS_UNWRITABLE: Meaning(
            _NOT_SENT,
            "the request's text could not be kept, so nothing was sent",
            _REFUSED,
            "free disk space, check the rights of runs/",
        ),
        CallReason.SCOPE_MISSING: Meaning(
            _NOT_SENT,
            "the layer has no capability scope in force; from shadow on none is called without one",
            _REFUSED,
            "see: peak lint; write configs/ai/capability_scopes/L<n>.toml",
        ),
        CallReason.TOOL_OUT_OF_SCOPE: Meaning(
            _NOT_SENT,
            "the layer's capability scope does not permit a tool of the call",
            _REFUSED,
            "ask without the tool, name its kind in tooling.kinds, or allow the kind in the scope",
        ),
        CallReason.DOMAINS_UNFILTERED: Meaning(
            _NOT_ADMITTED,
            "the scope allows some domains only, and the model's web tool takes no such list",
            _PASSED_OVER,
            'choose a model with OpenAI\'s web_search tool, or set on_unfiltered = "note" in the scope',
        ),
        CallReason.WEB_RATE_EXCEEDED: Meaning(
            _NOT_SENT,
            "the layer used the web as often in the last hour as its scope allows",
            _REFUSED,
            "ask later or without the web, or raise web_access.rate_limit_per_hour in the scope",
        ),
        CallReason.LOG_FIELD_MISSING: Meaning(
            _NOT_SENT,
            "the layer's scope wants a field on record that this call would leave empty",
            _REFUSED,
            "say it with the call (prompt_name, prompt_version, purpose)",
        ),
        CallReason.SCOPE_STOPPED: Meaning(
            _NOT_SENT,
            "a stop of a part covers the call: its layer or run, or this candidate's provider or model",
            "a layer's or run's: the call is refused; a provider's or model's: the next candidate",
            'see which: peak status; lift it: peak enable --scope SCOPE --reason "..."',
        ),
        CallReason.MODEL_QUARANTINED: Meaning(
            _NOT_ADMITTED,
            "the model is out of use, for it no longer answered as it was verified",
            _PASSED_OVER,
            "ask another model, or have an operator release it once it answers as it should",
        ),
        CallReason.CONNECT_ERROR: Meaning(
            _SENT, "no connection, or no TLS; nothing left", _RETRY, "check the network and the address"
        ),
        CallReason.STREAM_CUT: Meaning(
            _SENT,
            "a streamed answer ended before its own end mark",
            "spent as told or at its bound; the next candidate unless a part was handed on already",
            "ask again",
        ),
        CallReason.BACKGROUND_LOST: Meaning(
            _SENT,
            "the provider no longer knows a background answer, or nobody fetched it in time",
            "spent at its bound; the next candidate",
            "look at the provider's own record; lower the bill with: peak budget settle",
        ),
        CallReason.CONNECTION_LOST: Meaning(
            _SENT,
            "the connection ended",
            "before an answer began: tried again here; in mid-answer: spent at its bound, the next candidate",
            "see whether it repeats; a proxy may cut long answers",
        ),
        CallReason.TIMEOUT: Meaning(
            _SENT,
            "the answer was not complete within its deadline",
            _BOUND,
            "raise timeout_s in the matrix, or ask for less output",
        ),
        CallReason.RATE_LIMITED: Meaning(
            _SENT, "the provider's rate limit is used up", _RETRY, "call less often, or raise the limit there"
        ),
        CallReason.QUOTA_EXHAUSTED: Meaning(
            _SENT, "the provider's account has no money left", _STOP, "top it up; it is never retried"
        ),
        CallReason.SERVER_ERROR: Meaning(
            _SENT, "the provider failed", _RETRY, "see the provider's status page"
        ),
        CallReason.OVERLOADED: Meaning(_SENT, "the provider is overloaded", _RETRY, "try again later"),
        CallReason.CONFLICT: Meaning(_SENT, "the provider reported a conflict", _RETRY, "try again later"),
        CallReason.AUTHENTICATION: Meaning(
            _SENT, "the key was refused; the provider is marked down", _NEXT, "check the provider's key"
        ),
        CallReason.PERMISSION: Meaning(
            _SENT, "the key may not do this; the provider is marked down", _NEXT, "check what the key may use"
        ),
        CallReason.MODEL_NOT_FOUND: Meaning(
            _SENT, "the provider does not know the model", _NEXT, "check the model id and its lifecycle"
        ),
        CallReason.BAD_REQUEST: Meaning(
            _SENT,
            "the request's form was refused, or it has none",
            _STOP,
            "see the detail in the call's page",
        ),
        CallReason.CONTEXT_LENGTH: Meaning(
            _SENT,
            "the messages are too long: by our bound, of a token a byte, then nothing left; or by the "
            "provider's word",
            "by our bound the next candidate, by the provider's word the call fails",
            "shorten the messages, allow less output, or ask a model with a longer context",
        ),
        CallReason.CONTENT_FILTER: Meaning(
            _SENT, "the provider withheld the answer", _STOP, "change the prompt"
        ),
        CallReason.REDIRECT: Meaning(
            _SENT, "the provider redirected; it is recorded, never followed", _STOP, "check base_url"
        ),
        CallReason.RESPONSE_TOO_LARGE: Meaning(
            _SENT, "the answer is larger than is taken in", _BOUND, "ask for less output"
        ),
        CallReason.MALFORMED: Meaning(
            _SENT,
            "the answer is not of its wire format; the detail names the path",
            "spent as billed, else at its bound; the next candidate",
            "see the detail; a proxy may answer in the provider's place",
        ),
        CallReason.FORBIDDEN_ECHO: Meaning(
            _SENT,
            "a forbidden model answered; the answer is withheld, its bill booked",
            _STOP,
            "choose another provider or model",
        ),
        CallReason.UNEXPECTED_ECHO: Meaning(
            _SENT,
            "another model answered than was asked for; the answer is withheld, its bill booked",
            _NEXT,
            "the alias moved: name it in echoes of configs/ai/models.toml, or choose its successor",
        ),
        CallReason.STOPPED: Meaning(
            _SENT,
            "the workspace, or a part of it that covers the call, was stopped in mid-call",
            "the call fails; under a stop of one provider or model: the next candidate",
            "see: peak status",
        ),
        CallReason.CANCELLED: Meaning(
            _SENT, "the caller cancelled in mid-call", "spent at its bound when something had left", "nothing"
        ),
        CallReason.CALLER_LOST: Meaning(
            _SENT,
            "the caller's connection to the node ended and did not come back within 10 s",
            "spent at its bound; a late answer corrects it",
            "see why the process ended",
        ),
        CallReason.DEADLINE: Meaning(
            _SENT, "the call's deadline left no time to send", _STOP, "raise timeout_s"
        ),
        CallReason.EXHAUSTED: Meaning(
            _SENT,
            "every candidate failed",
            "as the layer's on_exhausted says: abort, or review_required",
            "see how each hop ended: peak why CALL",
        ),
        CallReason.PROVIDER_UNREACHABLE: Meaning(
            _SENT,
            "no candidate's provider could be reached; nothing left",
            "as the layer's on_exhausted says; peak call exits with 3",
            "check network, name resolution and addresses, then call again",
        ),
    }
)
