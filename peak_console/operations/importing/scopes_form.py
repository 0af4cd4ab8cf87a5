"""A capability scope of another house: our text of it, and every mapping, loss and conflict. Pure.

Both forms are read: sections with lists, and the flat one whose lists are tables of truth values. Nothing is
invented: what is not said stays unsaid, and what cannot be used is listed as lost.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from peak_console.domain.text import one_line, plain
from peak_console.domain.vocabulary import Layer
from peak_console.operations.importing.foreign import Lost, items, table, text_of
from peak_console.operations.importing.proposal import OURS, THEIRS, Conflict, Mapped
from peak_console.policy.log_fields import LOG_FIELDS
from peak_console.policy.output_types import bare, forbidden_by, known_as
from peak_console.policy.scopes import Autonomy, Tool

_TABLES: Final = (
    *(
        "scope",
        "models",
        "inputs",
        "outputs",
        "tooling",
        "tools",
        "web_access",
        "constraints",
        "logging",
        "safety",
    ),
    *("inputs_allowed", "inputs_forbidden", "outputs_allowed", "outputs_forbidden", "safety_checks"),
)
_HEADS: Final = (
    "layer_id",
    "autonomy",
    "autonomy_level",
    "layer_name",
    "description",
    "version",
    "effective_date",
    "id",
)
_LEVEL = re.compile(r"(?:RO|REC|PROP|EXEC)(?:/(?:RO|REC|PROP|EXEC))*")
_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_SHOWN: Final = 120

Lists = dict[str, list[str]]


@dataclass(slots=True)
class Understood:
    """One file. ``layer`` is ``None`` where it is of no layer of ours: then there is no draft of it."""

    file: str
    layer: Layer | None = None
    head: dict[str, str] = field(default_factory=dict)
    lists: dict[str, Lists] = field(default_factory=dict)
    """By table of our form: ``outputs`` → ``allowed`` → names."""
    plain: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By table: single values."""
    mapped: list[Mapped] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def take(self, source: str, key: str, value: Any) -> None:
        """Note that something was taken over."""
        self.mapped.append(Mapped(source, self.config, key, _shown(value)))

    def lose(self, source: str, value: Any, why: str) -> None:
        """Note that something was not."""
        self.lost.append(Lost(source, _shown(value), why))

    def conflict(  # noqa: PLR0917 - a row of the report, in its order
        self, source: str, key: str, ours: Any, theirs: Any, taken: str, why: str
    ) -> None:
        """Note that two things contradict each other."""
        self.conflicts.append(Conflict(source, self.config, key, _shown(ours), _shown(theirs), taken, why))

    @property
    def config(self) -> str:
        """The config the draft is of."""
        return f"scopes/{self.layer}" if self.layer else ""

    def text(self) -> str:
        """The scope in our form."""
        lines = [f"# Read from {one_line(self.file, 100)}; look at every line before you save it."]
        if self.head:
            lines += ["", "[scope]", *(f"{key} = {_toml(value)}" for key, value in self.head.items())]
        for name in (
            "models",
            "inputs",
            "outputs",
            "tooling",
            "web_access",
            "constraints",
            "logging",
            "safety",
        ):
            pairs: dict[str, Any] = {**self.plain.get(name, {}), **self.lists.get(name, {})}
            if pairs:
                lines += ["", f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in pairs.items())]
        return "\n".join(lines) + "\n"


def understood(file: str, data: Mapping[str, Any]) -> Understood:
    """What a file comes to; ``data`` is hostile, and never raises here."""
    found = Understood(file)
    head = {**{key: data[key] for key in _HEADS if key in data}, **table(data.get("scope"))}
    _head(found, head)
    if found.layer is None:
        return found
    for name in ("inputs", "outputs"):
        _lists(found, name, data)
    _tools(found, data)
    _web(found, table(data.get("web_access")))
    _models(found, table(data.get("models")))
    _checks(found, data)
    _logging(found, table(data.get("logging")))
    for key, value in data.items():
        if key not in _TABLES and key not in _HEADS:
            found.lose(one_line(key, _SHOWN), value, "nothing in the program depends on it")
    return found


def _head(found: Understood, head: Mapping[str, Any]) -> None:
    layer = text_of(head.get("layer_id"))
    if layer not in set(Layer):
        found.lose(
            "layer_id",
            head.get("layer_id"),
            "there is no such layer: L0 to L6" if layer else "it names no layer",
        )
        return
    found.layer = Layer(layer)
    level = text_of(head.get("autonomy_level") or head.get("autonomy"))
    if not _LEVEL.fullmatch(level):
        found.conflict(
            "autonomy_level", "scope.autonomy_level", "RO", level, OURS, "no such level: the lowest is taken"
        )
        level = Autonomy.READ_ONLY.value
    found.head = {"layer_id": layer, "autonomy_level": level}
    found.take("layer_id", "scope.layer_id", layer)
    found.take("autonomy_level", "scope.autonomy_level", level)
    if found.layer.may_call_models and level == Autonomy.EXECUTE.value:
        why = "a layer with models may never execute: the draft cannot be saved as it is"
        found.conflict("autonomy_level", "scope.autonomy_level", "PROP", level, THEIRS, why)
    for source, key in (
        ("description", "description"),
        ("layer_name", "description"),
        ("version", "version"),
    ):
        if text_of(head.get(source)):
            found.head[key] = plain(text_of(head[source]))[:2000]
            found.take(source, f"scope.{key}", found.head[key])
    if head.get("effective_date") is not None:
        found.head["effective_date"] = one_line(str(head["effective_date"]), 60)
        found.take("effective_date", "scope.effective_date", found.head["effective_date"])
    for key in head.keys() - {
        "layer_id",
        "autonomy",
        "autonomy_level",
        "description",
        "layer_name",
        "version",
        "effective_date",
    }:
        found.lose(one_line(str(key), _SHOWN), head[key], "for readers only")


def _lists(found: Understood, name: str, data: Mapping[str, Any]) -> None:
    """Two lists, in either form; an entry of both is forbidden."""
    lists: Lists = {}
    for side in ("allowed", "forbidden"):
        source = f"{name}.{side}"
        entries = list(_names(found, source, table(data.get(name)).get(side)))
        flat = table(data.get(f"{name}_{side}"))
        if name == "inputs":
            for key, value in flat.items():
                found.lose(f"{name}_{side}.{one_line(key, 60)}", value, "it names no paths")
        else:
            entries += list(_names(found, f"{name}_{side}", [key for key, on in flat.items() if on is True]))
        if entries:
            lists[side] = list(dict.fromkeys(entries))
            for one in lists[side]:
                known = known_as(one) if name == "outputs" and side == "forbidden" else None
                found.take(source, source, f"{one} (found as {known})" if known else one)
    forbidden = (
        {bare(one) for one in lists.get("forbidden", [])}
        if name == "outputs"
        else set(lists.get("forbidden", []))
    )
    for one in list(lists.get("allowed", [])):
        if (bare(one) if name == "outputs" else one) in forbidden:
            found.conflict(
                f"{name}.allowed",
                f"{name}.forbidden",
                one,
                one,
                THEIRS,
                "allowed and forbidden: forbidden wins",
            )
            lists["allowed"].remove(one)
    if lists:
        found.lists[name] = lists
    for key in table(data.get(name)).keys() - {"allowed", "forbidden"}:
        found.lose(f"{name}.{one_line(key, 60)}", data[name][key], "no such list here")


def _tools(found: Understood, data: Mapping[str, Any]) -> None:
    tooling, other = table(data.get("tooling")), table(data.get("tools"))
    sides = {
        side: list(_kinds(found, f"tooling.{side}", tooling.get(side))) for side in ("allowed", "forbidden")
    }
    second = list(_kinds(found, "tools.allowed_tools", other.get("allowed_tools")))
    if "allowed" in tooling and "allowed_tools" in other and set(second) != set(sides["allowed"]):
        both = [one for one in sides["allowed"] if one in second]
        why = "two lists of tools differ: what is in both is taken"
        found.conflict("tools.allowed_tools", "tooling.allowed", sides["allowed"], second, OURS, why)
        sides["allowed"] = both
    elif "allowed" not in tooling:
        sides["allowed"] = second
    for one in [one for one in sides["allowed"] if one in sides["forbidden"]]:
        found.conflict(
            "tooling.allowed", "tooling.forbidden", one, one, THEIRS, "allowed and forbidden: forbidden wins"
        )
        sides["allowed"].remove(one)
    if Tool.NONE.value in sides["allowed"] and len(sides["allowed"]) > 1:
        found.conflict(
            "tooling.allowed", "tooling.allowed", "none", sides["allowed"], OURS, "none leaves no other tool"
        )
        sides["allowed"] = [Tool.NONE.value]
    found.lists["tooling"] = {
        side: entries for side, entries in sides.items() if entries or side == "allowed"
    }
    for side, entries in sides.items():
        for one in entries:
            found.take(f"tooling.{side}", f"tooling.{side}", one)
    for name, held, known in (
        ("tooling", tooling, {"allowed", "forbidden"}),
        ("tools", other, {"allowed_tools"}),
    ):
        for key in held.keys() - known:
            found.lose(f"{name}.{one_line(key, 60)}", held[key], "nothing in the program depends on it")


def _kinds(found: Understood, source: str, value: Any) -> Iterator[str]:
    for one in _names(found, source, value):
        if one in set(Tool):
            yield one
        else:
            found.lose(source, one, f"no such kind of tool; known are {', '.join(Tool)}")


def _web(found: Understood, web: Mapping[str, Any]) -> None:
    if domains := list(_names(found, "web_access.allowed_domains", web.get("allowed_domains"), _NAME)):
        found.lists["web_access"] = {"allowed_domains": domains}
        for one in domains:
            found.take("web_access.allowed_domains", "web_access.allowed_domains", one)
    for key in web.keys() - {"allowed_domains"}:
        value, most = web[key], 1_000_000
        if key == "rate_limit_per_hour" and type(value) is int and 0 <= value <= most:
            found.plain["web_access"] = {key: value}
            found.take(f"web_access.{key}", f"web_access.{key}", value)
        else:
            found.lose(f"web_access.{one_line(key, 60)}", value, "no provider takes it")


def _models(found: Understood, models: Mapping[str, Any]) -> None:
    for key, value in models.items():
        names = [value] if isinstance(value, str) else items(value)
        fit = [one for one in names if isinstance(one, str) and _NAME.fullmatch(one)]
        if key not in {"primary", "fallback", "critic"} or not fit or len(fit) != len(names):
            found.lose(f"models.{one_line(key, 60)}", value, "it names no model of a slot")
        elif key == "fallback":
            found.lists.setdefault("models", {})[key] = fit
            found.take(f"models.{key}", f"models.{key}", fit)
        else:
            found.plain.setdefault("models", {})[key] = fit[0]
            found.take(f"models.{key}", f"models.{key}", fit[0])


def _checks(found: Understood, data: Mapping[str, Any]) -> None:
    """Constraints and safety checks: those that are enforced stay, the others are lost."""
    constraints = {**table(data.get("constraints")), **table(data.get("safety_checks"))}
    kept: dict[str, Any] = {}
    for key, value in constraints.items():
        known = forbidden_by(key)
        if known and value is True:
            kept[key] = True
            found.take(f"constraints.{key}", f"constraints.{key}", f"true (forbids {known})")
        elif value is not False:
            found.lose(f"constraints.{one_line(key, 60)}", value, "nobody knows this check")
    if kept:
        found.plain["constraints"] = kept
    safety = table(data.get("safety"))
    checks = []
    for one in _names(found, "safety.safety_checks", safety.get("safety_checks")):
        if known := forbidden_by(one):
            checks.append(one)
            found.take("safety.safety_checks", "safety.safety_checks", f"{one} (forbids {known})")
        else:
            found.lose("safety.safety_checks", one, "nobody knows this check")
    if checks:
        found.lists["safety"] = {"safety_checks": checks}
    for key in safety.keys() - {"safety_checks"}:
        found.lose(f"safety.{one_line(key, 60)}", safety[key], "for readers only")


def _logging(found: Understood, logging: Mapping[str, Any]) -> None:
    kept = []
    for one in _names(found, "logging.required_fields", logging.get("required_fields")):
        if one in LOG_FIELDS:
            kept.append(one)
            found.take(
                "logging.required_fields", "logging.required_fields", f"{one} ({LOG_FIELDS[one].where})"
            )
        else:
            found.lose("logging.required_fields", one, "no event of a call holds it")
    if kept:
        found.lists["logging"] = {"required_fields": list(dict.fromkeys(kept))}
    for key in logging.keys() - {"required_fields"}:
        found.lose(f"logging.{one_line(key, 60)}", logging[key], "nothing in the program depends on it")


_ANY = re.compile(r"[^\x00-\x1f\x7f]{1,300}")


def _names(found: Understood, source: str, value: Any, form: re.Pattern[str] = _ANY) -> Iterator[str]:
    """The texts of a list; what is none is lost."""
    if value is not None and not isinstance(value, list):
        found.lose(source, value, "a list was expected")
        return
    for one in items(value):
        if isinstance(one, str) and form.fullmatch(one) and plain(one) == one:
            yield one
        else:
            found.lose(source, one, "it is no text that a config may hold")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return one_line(", ".join(str(one) for one in value[:20]), _SHOWN)
    return one_line("" if value is None else str(value), _SHOWN)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=True)


def _toml(value: Any) -> str:
    """A text, number, truth value or list as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
