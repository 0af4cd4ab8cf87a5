"""The table of interfaces says what the road speaks, neither more nor less."""

from dataclasses import fields
from typing import Final

import pytest

from peak_console.config.defaults import default_configs
from peak_console.config.interfaces import INTERFACES, PARAMETERS
from peak_console.config.load import load_configs
from peak_console.config.registry import Endpoint, ModelEntry
from peak_console.config.workspace import Workspace
from peak_console.domain.calls import CallRequest
from peak_console.llm.providers.adapters import ADAPTERS

SAME: Final = {"response_format": "response_schema", "stream": None}
"""Parameters that a request names otherwise, or that are the call's own form."""


def test_the_table_is_the_adapters() -> None:
    """Lint calls an endpoint spoken where there is an adapter, and nowhere else."""
    table = {(provider, endpoint.value) for provider, spoken in INTERFACES.items() for endpoint in spoken}
    assert table == set(ADAPTERS)


def test_the_parameters_are_those_of_a_request() -> None:
    """A name that lint knows is one that a call can carry."""
    known = (
        {field.name for field in fields(CallRequest)}
        if hasattr(CallRequest, "__dataclass_fields__")
        else set(CallRequest.model_fields)
    )
    for name in PARAMETERS:
        field = SAME.get(name, name)
        assert field is None or field in known


def _shipped() -> list[ModelEntry]:
    from datetime import date  # noqa: PLC0415 - used here alone

    return list(load_configs(Workspace(default_configs().parent), today=date(2026, 11, 22)).models)


@pytest.mark.parametrize(("provider", "endpoints"), INTERFACES.items(), ids=list(INTERFACES))
def test_the_shipped_registry_has_a_model_on_every_interface(
    provider: str, endpoints: tuple[Endpoint, ...]
) -> None:
    """Any slot can be pointed at any provider, on each of its interfaces, without a new entry."""
    shipped = {(one.provider, one.endpoint) for one in _shipped() if one.allowed}
    assert {(provider, endpoint) for endpoint in endpoints} <= shipped
