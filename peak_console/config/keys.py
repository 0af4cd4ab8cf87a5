"""The keys of config models, read from the models: for advice on a misspelt key, and for the reference."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from peak_console.config.positions import Path
from peak_console.config.schema import ConfigModel


def fields_of(model: type[ConfigModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a table with their fields, as the file writes them."""
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def models_in(annotation: Any) -> Iterator[type[ConfigModel]]:
    """The table models that a key's type holds, through unions and tuples, not through mappings."""
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        yield annotation
        return
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from models_in(get_args(annotation)[0])
    elif origin in {Union, types.UnionType, tuple}:
        for inner in get_args(annotation):
            yield from models_in(inner)


def mapped(annotation: Any) -> Any:
    """The type of a mapping's values, ``None`` where the type is no mapping."""
    if get_origin(annotation) is Annotated:
        return mapped(get_args(annotation)[0])
    return get_args(annotation)[1] if get_origin(annotation) is dict else None


def keys_at(annotation: Any, path: Path) -> set[str]:
    """The keys that the table at ``path`` may have; empty where the path leads to no table."""
    if path and isinstance(path[0], int):
        return keys_at(annotation, path[1:])
    inner = mapped(annotation)
    if inner is not None:
        return keys_at(inner, path[1:]) if path else set()
    if not path:
        return {key for model in models_in(annotation) for key, _ in fields_of(model)}
    for model in models_in(annotation):
        for key, field in fields_of(model):
            if key == path[0]:
                return keys_at(field.annotation, path[1:])
    return set()
