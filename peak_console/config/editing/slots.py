"""Changes as people type them: keys (``L2.primary.timeout_s``) and slots (``L2.primary``). Pure.

A key is names joined by dots, with an index in brackets where a list stands: ``L2.fallback[1]``, counted from
0, ``L2.fallback[+]`` or ``L2.fallback+`` for one more at the end, ``model[openai:gpt-5.2]`` for the table of
that model. A name with other characters stands in quotes, as in TOML. A value is TOML where it reads as
such, else text.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from peak_console.config.editing.changes import ABSENT, Change
from peak_console.config.positions import Path
from peak_console.domain.errors import UsageWrong
from peak_console.domain.vocabulary import Layer, Role

ModelNamed = Callable[[str], tuple[str, str]]
"""Provider and model that a word means; raises ``UsageWrong``."""

MATRIX: Final = "matrix"

_STEP: Final = re.compile(r"""([A-Za-z0-9_-]+)|"((?:[^"\\\n])*)"|'([^'\n]*)'""")
_SELECTOR: Final = re.compile(r"\[([^\[\]\n]{1,200})\]")
_ROLES: Final = frozenset(role.value for role in Role)
_LAYERS: Final = frozenset(layer.value for layer in Layer)
_SERVICE: Final = re.compile(r"(?:service:)?(L[0-6])")
_SHOWN: Final = 60


def changes_of(kind: str, data: Mapping[str, Any], pairs: Sequence[str], named: ModelNamed) -> list[Change]:
    """The changes that words such as ``L2.primary openai:gpt-5-mini L2.sod family`` ask of a config.

    ``data`` is the config as it stands. In the matrix a slot takes a model, written ``provider:model`` or as
    ``named`` knows it; a critic takes a layer that serves as one, too. Raises ``UsageWrong``.
    """
    if not pairs or len(pairs) % 2:
        raise _wrong(
            "a change is a key and a value" if pairs else "there is nothing to set",
            "pair_incomplete",
            "write them in turn, as: L2.primary openai:gpt-5-mini L2.primary.timeout_s 60",
        )
    changes: list[Change] = []
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        path = path_of(key, data)
        if kind == MATRIX and _is_slot(path):
            changes += _slot(path, data, value, named)
        else:
            changes.append(Change(path, typed(value, found(data, path))))
    return changes


def removals_of(data: Mapping[str, Any], keys: Sequence[str]) -> list[Change]:
    """The changes that take keys out; raises ``UsageWrong`` (``key_absent``) for one that is not there.

    Elements of a list go from the last to the first, so that an index means what it did before.
    """
    if not keys:
        raise _wrong("there is nothing to take out", "pair_incomplete", "name a key, as: L2.fallback[1]")
    paths = []
    for key in keys:
        path = path_of(key, data)
        if found(data, path) is ABSENT:
            raise _wrong(
                f"there is no {key[:_SHOWN]}",
                "key_absent",
                "look at what stands there: peak matrix show, peak config show",
            )
        paths.append(path)
    order = sorted(dict.fromkeys(paths), key=_from_the_end, reverse=True)
    return [Change(path, ABSENT) for path in order]


def path_of(key: str, data: Mapping[str, Any]) -> Path:
    """The path of a key as it is typed; raises ``UsageWrong`` (``key_malformed``, ``key_unmatched``)."""
    path: Path = ()
    at, end = 0, len(key)
    while at < end:
        step = _STEP.match(key, at)
        if step is None:
            raise _malformed(key)
        if step[1] is not None and step[1].isdigit() and _is_list(found(data, path), path):
            raise _numbered(key, step)
        path = (*path, next(one for one in step.groups() if one is not None))
        at = step.end()
        while selector := _SELECTOR.match(key, at):
            path = (*path, _index(selector[1], data, path, key))
            at = selector.end()
        if key[at:] == "+":
            return (*path, _next(data, path))
        if at < end and (key[at] != "." or at + 1 == end):
            raise _malformed(key)
        at += 1
    if not path:
        raise _malformed(key)
    return path


def found(data: Any, path: Path) -> Any:
    """What stands at a path, a lone table standing for a list of one; :data:`ABSENT` where nothing does."""
    for step in path:
        if isinstance(data, Mapping) and step == 0:
            continue
        named = isinstance(data, Mapping) and step in data
        if not named and not (isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)):
            return ABSENT
        data = data[step]
    return data


def typed(text: str, standing: Any = ABSENT) -> Any:
    """A value as TOML reads it, else text; where text stands only quoted TOML is anything but that text."""
    try:
        read = tomllib.loads(f"value = {text}\n", parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return text
    value = read["value"] if set(read) == {"value"} else text
    return text if isinstance(standing, str) and not isinstance(value, str) else value


def slots_of(data: Mapping[str, Any]) -> list[str]:
    """The slots of a matrix as they are typed, those that stand, and one more of each fallback."""
    names = []
    for layer in Layer:
        table = data.get(layer.value)
        if not layer.may_call_models or not isinstance(table, Mapping):
            continue
        names += [f"{layer}.{role}" for role in (Role.PRIMARY, Role.CRITIC) if role.value in table]
        chain = table.get(Role.FALLBACK.value, [])
        count = len(chain) if isinstance(chain, list) else 1
        names += [f"{layer}.fallback[{place}]" for place in range(count)] + [f"{layer}.fallback+"]
    return names


# -- within


def _is_slot(path: Path) -> bool:
    return (
        len(path) in {2, 3}
        and path[0] in _LAYERS
        and path[1] in _ROLES
        and (len(path) == 2 or (path[1] == Role.FALLBACK.value and isinstance(path[2], int)))  # noqa: PLR2004
    )


def _slot(path: Path, data: Mapping[str, Any], value: str, named: ModelNamed) -> list[Change]:
    """A model, or a layer that serves as critic, put into a slot."""
    if path[1] == Role.FALLBACK.value and len(path) == 2:  # noqa: PLR2004 - layer and role
        path = (*path, _only_fallback(path, data))
    standing = found(data, path)
    before = standing if isinstance(standing, Mapping) else {}
    service = _SERVICE.fullmatch(value)
    if path[1] == Role.CRITIC.value and service is not None:
        gone = [Change((*path, key), ABSENT) for key in before if key != "service"]
        return [Change((*path, "service"), service[1]), *gone]
    provider, model_id = named(value)
    if standing is ABSENT:
        return [Change(path, {"provider": provider, "model_id": model_id})]
    return [
        *([Change((*path, "service"), ABSENT)] if "service" in before else []),
        Change((*path, "provider"), provider),
        Change((*path, "model_id"), model_id),
        *_outlived(path, before, provider, model_id),
    ]


def _outlived(path: Path, before: Mapping[str, Any], provider: str, model_id: str) -> list[Change]:
    """Keys of the model before that mean nothing for the new one: its deployment, its provider's address."""
    moved = before.get("provider") not in {None, provider}
    other = moved or before.get("model_id") not in {None, model_id}
    gone = [*(["deployment"] if other else []), *(["base_url"] if moved else [])]
    return [Change((*path, key), ABSENT) for key in gone if key in before]


def _only_fallback(path: Path, data: Mapping[str, Any]) -> int:
    chain = found(data, path)
    if isinstance(chain, list) and len(chain) > 1:
        name = f"{path[0]}.fallback"
        raise _wrong(
            f"{path[0]} has {len(chain)} fallbacks",
            "slot_ambiguous",
            f"say which: {name}[0] to {name}[{len(chain) - 1}]; one more: {name}+",
        )
    return 0


def _index(selector: str, data: Mapping[str, Any], path: Path, key: str) -> int:
    """The element that brackets name: by its place from 0, ``+``, or the model it is about."""
    word = selector.strip().strip("\"'")
    if word == "+":
        return _next(data, path)
    if word.isascii() and word.isdigit():
        return int(word)
    elements = found(data, path)
    places = [
        place
        for place, one in enumerate(elements if isinstance(elements, list) else ())
        if isinstance(one, Mapping) and word in _names(one)
    ]
    if len(places) != 1:
        raise _wrong(
            f"{key[:_SHOWN]}: {len(places) or 'none'} of the tables {'are' if places else 'is'} about {word}",
            "key_unmatched",
            "name it by its place from 0, or as provider:model",
        )
    return places[0]


def _names(table: Mapping[str, Any]) -> set[str]:
    provider, model = str(table.get("provider", "")), str(table.get("model_id", ""))
    return {model, f"{provider}:{model}"} if model else set()


def _next(data: Mapping[str, Any], path: Path) -> int:
    """One past the end of the list at a path; a lone table is a list of one."""
    standing = found(data, path)
    if isinstance(standing, Mapping):
        return 1
    return len(standing) if isinstance(standing, list) else 0


def _from_the_end(path: Path) -> tuple[tuple[bool, str | int], ...]:
    return tuple((isinstance(step, int), step) for step in path)


def _is_list(standing: Any, path: Path) -> bool:
    """Whether elements stand at a path; a fallback is a list of one where a lone table stands, or nothing."""
    chain = len(path) == 2 and path[0] in _LAYERS and path[1] == Role.FALLBACK.value  # noqa: PLR2004 - a slot
    return isinstance(standing, list) or chain


def _numbered(key: str, step: re.Match[str]) -> UsageWrong:
    meant = f"{key[: step.start()].removesuffix('.')}[{step[1]}]{key[step.end() :]}"
    return _wrong(
        f"'{key[:_SHOWN]}' would be a key named {step[1][:_SHOWN]}, and a list stands there",
        "key_malformed",
        f"write the place in brackets: {meant[:_SHOWN]}",
    )


def _malformed(key: str) -> UsageWrong:
    return _wrong(
        f"'{key[:_SHOWN]}' is no key",
        "key_malformed",
        "write names with dots and indices in brackets, as L2.primary.timeout_s or L2.fallback[1]",
    )


def _wrong(message: str, code: str, remedy: str) -> UsageWrong:
    return UsageWrong(message, code=code, remedy=remedy)
