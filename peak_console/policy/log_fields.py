"""Fields that a scope demands on record, and where the events of a call hold them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Known(StrEnum):
    """When it is known whether a field will be filled."""

    ALWAYS = "always filled"
    BEFORE = "known before the call is sent"
    AFTER = "known with the answer"
    RUN = "known when the run's evidence is sealed"


@dataclass(frozen=True, slots=True)
class LogField:
    """Where a field stands, as ``<kind of event>: <key>``, and when it is known."""

    where: str
    known: Known = Known.ALWAYS


_REQUESTED, _COMPLETED = "llm.call.requested", "llm.call.completed"


def _of(kind: str, keys: str, known: Known = Known.ALWAYS) -> dict[str, LogField]:
    pairs = (one.partition(">") for one in keys.split())
    return {name: LogField(f"{kind}: {key or name}", known) for name, _, key in pairs}


LOG_FIELDS: Final[Mapping[str, LogField]] = MappingProxyType(
    {
        **_of(
            "every event",
            "run_id call_id layer layer_id>layer role provider model_id actor event_id "
            "timestamp>ts timestamp_utc>ts ts",
        ),
        **_of(
            _REQUESTED,
            "request_hash prompt_hash>request_text_sha256 request_text_sha256 matrix_digest bound_eur phase "
            "posture scope_digest autonomy autonomy_level>autonomy max_output_tokens route hop",
        ),
        **_of(_REQUESTED, "prompt_name prompt_version prompt_id>prompt_name purpose", Known.BEFORE),
        **_of(
            _COMPLETED,
            "artifact_hash>answer_text_sha256 answer_hash>answer_text_sha256 answer_text_sha256 "
            "cost>cost_eur cost_eur cost_basis latency>latency_us latency_us latency_ms>latency_us "
            "finish finish_reason>finish attempts fallback degraded price_source",
        ),
        **_of(
            _COMPLETED,
            "served_model request_id fingerprint system_fingerprint>fingerprint usage tokens>usage "
            "input_tokens>usage output_tokens>usage",
            Known.AFTER,
        ),
        **_of("the run's evidence pack", "inputs_manifest>manifest outputs_manifest>manifest", Known.RUN),
    }
)
"""Every field that can be demanded; any other is not recorded, and lint says so."""

_UNNAMED: Final = {
    "prompt_name": ("", "adhoc"),
    "prompt_id": ("", "adhoc"),
    "prompt_version": ("", "0"),
    "purpose": ("",),
}
"""What counts as empty in what a caller says."""


def demanded(fields: Iterable[str], known: Known) -> tuple[str, ...]:
    """Those of ``fields`` of which it is known then whether they are filled."""
    return tuple(one for one in fields if one in LOG_FIELDS and LOG_FIELDS[one].known is known)


def empty_before(fields: Iterable[str], said: Mapping[str, str]) -> tuple[str, ...]:
    """Those of ``fields`` that a call with these words would leave empty; ``said`` by the event's keys."""
    return tuple(one for one in fields if said.get(_key(one), "").strip() in _UNNAMED.get(one, ("",)))


def empty_after(fields: Iterable[str], told: Mapping[str, object]) -> tuple[str, ...]:
    """Those of ``fields`` that the answer left empty; ``told`` by the event's keys."""
    return tuple(one for one in fields if told.get(_key(one)) in {None, ""})


def _key(name: str) -> str:
    return LOG_FIELDS[name].where.partition(": ")[2]
