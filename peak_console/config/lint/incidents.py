"""Rules of incidents.toml: triggers with cards, windows that burn, acts with a scope, hooks that reach."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from peak_console.config.incidents import WATCHED, Hook, HookKind, IncidentsConfig, TriggerRules
from peak_console.config.lint.finding import Rule, Severity
from peak_console.config.lint.inspection import Hit, Inspection
from peak_console.domain.addresses import is_loopback
from peak_console.domain.incidents import Auto, Trigger
from peak_console.domain.vocabulary import PhaseLevel
from peak_console.stats.burn import DAY_S

if TYPE_CHECKING:
    from peak_console.config.positions import Path

INCIDENT_RULES: Final = (
    Rule(
        "incidents.card_missing",
        "A trigger without its on-call card",
        "Whoever is woken by an incident needs to be told what it means and what to do. The cards are part "
        "of the package; a trigger that was added without one is refused.",
        "write the card beside the others, or reinstall the package",
    ),
    Rule(
        "incidents.windows",
        "A pair of windows that cannot tell a runaway",
        "The short window says that it still burns, so it is shorter than the long one. A factor of 1 is the "
        "even rate, which is legal. A window longer than a day is longer than the budget it is held against.",
        "write a factor above 1, and short_s below long_s, which is a day at most",
    ),
    Rule(
        "incidents.auto_useless",
        "An act that has nothing to act on",
        "`quarantine` takes a model out of use, and only model_drift names one for sure. `stop_scope` needs "
        "a layer or a model; the ledger, the node, the posture and arming are of the whole workspace.",
        "write stop, disarm or none",
    ),
    Rule(
        "incidents.switched_off",
        "A trigger is switched off",
        "What it watches is seen by nobody. It is told here and in readiness for as long as it is off.",
        "set enabled = true, or take the key out",
        severity=Severity.WARNING,
        error_from=PhaseLevel.LIVE,
        blocks=False,
    ),
    Rule(
        "incidents.drift_unguarded",
        "No sign of drift takes a model out of use",
        "From shadow on the lock says which models were verified. With an empty `quarantine`, or with `auto` "
        "none or disarm, a model that was changed goes on working until somebody reads the incident.",
        'write auto = "quarantine" and take `quarantine` out, or name signals in it',
        severity=Severity.WARNING,
    ),
    Rule(
        "incidents.drift_levels",
        "A suspicion that begins at once, or never",
        "Suspicion begins `warn_below` under `alarm_log`; where that is no evidence at all, every call is "
        "suspicious.",
        "write warn_below lower than alarm_log",
    ),
    Rule(
        "incidents.hook_address",
        "A hook that reaches nobody",
        "A webhook needs an https address, or http on this machine; a command needs a program.",
        'write url = "https://..." for a webhook, command = ["/path/to/program"] for a command',
    ),
    Rule(
        "incidents.hook_twice",
        "Two hooks of one name",
        "The ledger tells which hook was told by its name.",
        "give each hook a name of its own",
    ),
    Rule(
        "incidents.command_missing",
        "A command that is not there",
        "A command is started without a shell, so it needs the whole path of a program of this machine.",
        "write the absolute path of a program that exists here",
        severity=Severity.WARNING,
    ),
)

_WITHOUT_SCOPE: Final = frozenset(
    {
        Trigger.LEDGER_BROKEN,
        Trigger.LAPSE,
        Trigger.POSTURE_CONFLICT,
        Trigger.WORKER_LOST,
        Trigger.ARM_LOCKOUT,
    }
)
"""Triggers that are of the whole workspace."""


def triggers(inspection: Inspection) -> Iterator[Hit]:
    """``incidents.card_missing``, ``.auto_useless``, ``.switched_off`` of every watched trigger."""
    config = _config(inspection)
    for trigger, rules in _watched(config):
        if not _has_card(trigger):
            message = f"{trigger} has no on-call card"
            yield inspection.hit("incidents.card_missing", "incidents", (trigger.value,), message)
        if why := _useless(trigger, rules.auto):
            place = (trigger.value, "auto")
            yield inspection.hit("incidents.auto_useless", "incidents", place, f"[{trigger}] auto: {why}")
        if not rules.enabled:
            place = (trigger.value, "enabled")
            message = f"[{trigger}] is off: nobody is told of it"
            yield inspection.hit("incidents.switched_off", "incidents", place, message)


def drift(inspection: Inspection) -> Iterator[Hit]:
    """``incidents.drift_unguarded``, ``.drift_levels``: what drift leads to."""
    config = _config(inspection)
    if config is None:
        return
    rules = config.model_drift
    if rules.warn_below >= rules.alarm_log:
        place = ("model_drift", "warn_below")
        message = f"[model_drift] warn_below of {rules.warn_below} leaves nothing under {rules.alarm_log}"
        yield inspection.hit("incidents.drift_levels", "incidents", place, message)
    key = "auto" if rules.auto in {Auto.NONE, Auto.DISARM} else "quarantine"
    if inspection.phase.at_least(PhaseLevel.SHADOW) and (key == "auto" or not rules.quarantine):
        message = f"[model_drift] {key}: a model that has drifted stays in use"
        yield inspection.hit("incidents.drift_unguarded", "incidents", ("model_drift", key), message)


def windows(inspection: Inspection) -> Iterator[Hit]:
    """``incidents.windows``: pairs that never burn, or always do."""
    config = _config(inspection)
    for index, one in enumerate(config.budget_runaway.windows if config is not None else ()):
        wrong = [
            f"the short window of {one.short_s} s is not shorter than {one.long_s} s"
            if one.short_s >= one.long_s
            else "",
            f"a factor of {one.factor} is no more than the even rate" if one.factor <= 1 else "",
            f"{one.long_s} s is longer than a day" if one.long_s > DAY_S else "",
        ]
        if any(wrong):
            place: Path = ("budget_runaway", "windows", index)
            message = f"window {index + 1}: {'; '.join(filter(None, wrong))}"
            yield inspection.hit("incidents.windows", "incidents", place, message)


def hooks(inspection: Inspection) -> Iterator[Hit]:
    """``incidents.hook_address``, ``.hook_twice``, ``.command_missing``."""
    config = _config(inspection)
    seen: set[str] = set()
    for index, hook in enumerate(config.hooks if config is not None else ()):
        place: Path = ("hooks", index)
        if hook.name in seen:
            message = f"another hook is named {hook.name}"
            yield inspection.hit("incidents.hook_twice", "incidents", (*place, "name"), message)
        seen.add(hook.name)
        if wrong := _unreachable(hook):
            yield inspection.hit("incidents.hook_address", "incidents", place, f"hook {hook.name}: {wrong}")
        elif hook.kind is HookKind.COMMAND and not _is_program(hook.command[0]):
            message = f"hook {hook.name}: {hook.command[0]} is no absolute path of a program of this machine"
            where = (*place, "command")
            yield inspection.hit("incidents.command_missing", "incidents", where, message)


def _watched(config: IncidentsConfig | None) -> Iterator[tuple[Trigger, TriggerRules]]:
    if config is not None:
        yield from ((trigger, config.rules(trigger)) for trigger in WATCHED)


def _config(inspection: Inspection) -> IncidentsConfig | None:
    """The triggers' config; without a file the defaults hold, and nothing is to be said of them."""
    config = inspection.shapes.get("incidents")
    return config if isinstance(config, IncidentsConfig) else None


def _has_card(trigger: Trigger) -> bool:
    """Cards are package data of the incidents, which this floor does not import."""
    return files("peak_console").joinpath("incidents", "cards", f"{trigger.value}.md").is_file()


def _useless(trigger: Trigger, auto: Auto) -> str:
    if auto is Auto.QUARANTINE and trigger is not Trigger.MODEL_DRIFT:
        return "only model_drift takes a model out of use"
    if auto is Auto.STOP_SCOPE and trigger in _WITHOUT_SCOPE:
        return "it is of the whole workspace; there is no smaller scope to stop"
    return ""


def _unreachable(hook: Hook) -> str:
    if hook.kind is HookKind.COMMAND:
        return "" if hook.command else "it names no command"
    if not hook.url:
        return "it names no url"
    try:
        parts = urlsplit(hook.url)
        host = parts.hostname or ""
    except ValueError:
        return "its url is none"
    if not host or parts.scheme not in {"https", "http"}:
        return "its url is no https address"
    if parts.scheme == "http" and not is_loopback(hook.url):
        return "its url is not https and not on this machine"
    return ""


def _is_program(name: str) -> bool:
    path = FilePath(name)
    try:
        return path.is_absolute() and path.is_file()
    except (OSError, ValueError):
        return False
