"""What a careful operator would ask about before a capability scope changes. Pure."""

from collections.abc import Iterator
from typing import Final

from peak_console.operations.workbench.shapes import Concern
from peak_console.operations.workbench.sides import Side
from peak_console.policy.scopes import ScopeRules

_SHOWN: Final = 6


def scope_widened(before: Side, after: Side) -> Iterator[Concern]:
    """A scope forbids less than before, or lets its layer use or do more; by what the scopes come to."""
    if before.scope is None or after.scope is None:
        return
    old, new = before.scope.rules(), after.scope.rules()
    gone = sorted(
        [
            *(old.forbidden - new.forbidden),
            *(set(before.scope.inputs.forbidden) - {*after.scope.inputs.forbidden}),
        ]
    )
    if gone:
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        told = f"no longer forbidden: {', '.join(gone[:_SHOWN])}{more}"
        yield Concern("forbidden_removed", told, dict.fromkeys(gone, "forbidden → not forbidden"))
    wider = dict(_wider(old, new))
    if wider:
        yield Concern("scope_widened", f"{new.layer} may do more, or is watched less, than before", wider)


def _wider(old: ScopeRules, new: ScopeRules) -> Iterator[tuple[str, str]]:
    if new.layer is not old.layer:
        yield "layer", f"{old.layer} → {new.layer}"
    if new.autonomy.rank > old.autonomy.rank:
        yield "autonomy", f"{old.autonomy} → {new.autonomy}"
    for tool in sorted(new.tools - old.tools):
        yield f"tool {tool}", "not permitted → permitted"
    for name, kind in sorted(new.kinds.items()):
        if new.permits(kind) and not old.permits(old.kinds.get(name)) and kind in old.tools:
            yield f"function {name}", "outside → permitted"
    yield from _web(old, new)
    if old.outputs and not new.outputs:
        yield "outputs.allowed", f"{len(old.outputs)} types → not limited to a list"
    for name in sorted(new.outputs - old.outputs) if old.outputs else ():
        yield f"output {name}", "not allowed → allowed"
    for name in sorted(set(old.log_fields) - set(new.log_fields)):
        yield f"log field {name}", "required → not required"


def _web(old: ScopeRules, new: ScopeRules) -> Iterator[tuple[str, str]]:
    if old.domains and not new.domains:
        yield "web_access.allowed_domains", f"{len(old.domains)} → anywhere"
    for domain in sorted(set(new.domains) - set(old.domains)) if old.domains else ():
        yield f"domain {domain}", "not allowed → allowed"
    most, now = old.web_per_hour, new.web_per_hour
    if most is not None and (now is None or now > most):
        yield "web_access.rate_limit_per_hour", f"{most} → {'none' if now is None else now}"
    if old.on_unfiltered != new.on_unfiltered and new.on_unfiltered == "note":
        yield "web_access.on_unfiltered", f"{old.on_unfiltered} → {new.on_unfiltered}"
