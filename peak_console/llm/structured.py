"""Structured answers: a pydantic model in, a validated object out; a wrong one is asked for again. Pure."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from peak_console.domain.calls import (
    Answer,
    CallReason,
    CallRequest,
    Failure,
    Finish,
    Message,
    OutcomeClass,
)
from peak_console.domain.errors import UsageWrong
from peak_console.domain.text import one_line

_MOST_PROBLEMS: Final = 10
_LONGEST_PROBLEM: Final = 200
_LONGEST_QUOTED: Final = 20_000
"""Characters of a wrong answer that are sent back with what is wrong with it."""

_UNUSED: Final = frozenset({"default", "title", "examples"})
"""Words of a schema that tell a model nothing and that strict modes refuse."""

_OPENING: Final = "Your answer does not have the shape that was asked for:"
_ASKING: Final = "Give the whole answer again, corrected, as JSON of that shape and nothing else."


@dataclass(frozen=True, slots=True)
class Invalid:
    """An answer that is not of the shape asked for: its text, and what is wrong, a line each."""

    text: str
    problems: tuple[str, ...]

    @property
    def failure(self) -> Failure:
        """The failure of its hop."""
        detail = f"the answer is not of the shape asked for: {'; '.join(self.problems)}"
        return Failure(CallReason.MALFORMED, OutcomeClass.NEXT_CANDIDATE, one_line(detail, 300))


def shaped(request: CallRequest, model: Any) -> CallRequest:
    """``request`` with the JSON schema of ``model``, if one is given; raises ``UsageWrong``."""
    if model is None:
        return request
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise UsageWrong(
            f"answer={one_line(repr(model), 60)} is no pydantic model",
            remedy="pass a class derived from pydantic.BaseModel",
        )
    if request.response_schema is not None:
        raise UsageWrong("answer and response_schema both say what comes back", remedy="pass one of them")
    name = re.sub(r"[^A-Za-z0-9_-]", "_", model.__name__)[:64] or "answer"
    return request.model_copy(update={"response_schema": strict_schema(model), "response_schema_name": name})


@lru_cache(maxsize=256)
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    made: dict[str, Any] = _strict(model.model_json_schema())
    return made


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of ``model`` as strict modes want it: every property required, no others allowed."""
    return deepcopy(_schema(model))


def read(answer: Answer, model: type[BaseModel]) -> BaseModel | Invalid | None:
    """The object an answer holds; ``None`` where it holds none by right: it declined, or asked for tools."""
    if answer.tool_calls or answer.refusal is not None:
        return None
    try:
        return model.model_validate_json(answer.text)
    except ValidationError as error:
        return Invalid(answer.text, _problems(error))
    except Exception as error:  # noqa: BLE001 - a caller's own validator raised: the answer is paid for
        return Invalid(answer.text, (f"its validation raised {type(error).__name__}",))


def can_be_repaired(answer: Answer) -> bool:
    """Whether asking again can help: what was cut at the output limit will be cut there again."""
    return answer.finish is Finish.STOP


def repaired(request: CallRequest, invalid: Invalid) -> CallRequest:
    """``request`` again, followed by the wrong answer and what is wrong with it."""
    problems = "\n".join(f"- {problem}" for problem in invalid.problems)
    more = (
        Message(role="assistant", content=invalid.text[:_LONGEST_QUOTED] or "(nothing)"),
        Message(role="user", content=f"{_OPENING}\n{problems}\n{_ASKING}"),
    )
    return request.model_copy(update={"messages": request.messages + more})


def _problems(error: ValidationError) -> tuple[str, ...]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [_problem(one) for one in found[:_MOST_PROBLEMS]]
    if len(found) > _MOST_PROBLEMS:
        lines.append(f"and {len(found) - _MOST_PROBLEMS} more")
    return tuple(lines)


def _problem(one: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in one["loc"]) or "the answer"
    return one_line(f"{place}: {one['msg']}", _LONGEST_PROBLEM)


def _strict(node: Any, *, names: bool = False) -> Any:
    """A schema's node; ``names`` says that its keys are names of properties, not words of the schema."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _strict(one) for name, one in node.items()}
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    made = {
        word: _strict(one, names=word in {"properties", "$defs"})
        for word, one in node.items()
        if word not in _UNUSED
    }
    if isinstance(made.get("properties"), dict):
        made["required"] = list(made["properties"])
        made["additionalProperties"] = False
    return made
