"""JSON Schemas of the configs: editors are told what the program takes."""

import tomllib
from decimal import Decimal
from typing import Any

import pytest
from support.json_schema import faults

from peak_console.config.defaults import default_configs, demo_configs
from peak_console.config.json_schema import FILES, schema_of, schemas
from peak_console.config.lint.schema import SHAPES

SHIPPED = [
    (kind, file)
    for folder in (default_configs(), demo_configs())
    for kind, name in FILES.items()
    for file in sorted(folder.glob(name.removeprefix("configs/")))
]


@pytest.mark.parametrize(("kind", "file"), SHIPPED, ids=lambda one: getattr(one, "name", one))
def test_what_ships_fits_its_schema(kind: str, file: Any) -> None:
    """Every shipped config, by a checker that knows no word beyond those of the draft."""
    data = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    assert faults(schema_of(kind), data) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("matrix", ""),
        ("matrix", '[global]\n[L0.primry]\nprovider = "x"'),
        ("matrix", '[global]\n[L0.primary]\nprovider = "x"'),
        ("matrix", '[global]\n[L0.primary]\nprovider = "x"\nmodel_id = "y"\ntimeout_s = 0'),
        ("matrix", '[global]\n[L0]\nsod = "nothing"'),
        ("matrix", '[global]\n[L0]\ncritic_policy = "sometimes"'),
        ("matrix", "[global]\n[L0.phases.prod]\n"),
        ("budgets", '[day]\nmax_cost_eur = "50"'),
        ("limits", "[orders]\nmax_open_orders = -1"),
        ("limits", "[losses]\nmax_drawdown_pct = 100.5"),
        ("readiness", "[shadow]\nmin_days = 1.5"),
        ("scope", '[scope]\nlayer_id = "L9"\nautonomy_level = "RO"'),
        ("scope", '[scope]\nlayer_id = "L1"\nautonomy_level = "ALL"'),
    ],
)
def test_what_the_program_refuses_the_schema_refuses(kind: str, text: str) -> None:
    """A misspelt key, a missing one, a wrong type, a value out of bounds, a word that is none."""
    assert faults(schema_of(kind), tomllib.loads(text, parse_float=Decimal))


def test_one_fallback_may_be_a_table_or_a_list() -> None:
    """Both forms are read, so both are completed."""
    slot = 'provider = "x"\nmodel_id = "y"\n'
    for head in ("[L0.fallback]", "[[L0.fallback]]"):
        assert faults(schema_of("matrix"), tomllib.loads(f"[global]\n{head}\n{slot}")) == []
    assert faults(schema_of("matrix"), {"global": {}, "L0": {"fallback": "x:y"}})


def test_every_config_has_one_and_every_key_is_described() -> None:
    """Nothing is null in a file; descriptions and bounds are those of the reference."""
    found = schemas()
    assert set(found) == {*SHAPES, "scope", "canary"}
    for kind, schema in found.items():
        assert schema["$schema"].endswith("2020-12/schema")
        assert schema["title"] == FILES[kind]
        for name, table in {"": schema, **schema.get("$defs", {})}.items():
            for key, one in table.get("properties", {}).items():
                assert one.get("description") or "$ref" in one, f"{kind} {name}.{key}"
                assert one.get("type") != "null"
    timeout = found["matrix"]["$defs"]["Slot"]["properties"]["timeout_s"]
    assert (timeout["minimum"], timeout["default"], timeout["type"]) == (1, 120, "integer")
