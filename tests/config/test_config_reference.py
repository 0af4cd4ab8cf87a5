"""The generated pages are current and complete."""

from pathlib import Path

from peak_console.config import reference as keys
from peak_console.config.keys import fields_of, models_in
from peak_console.config.lint import CATALOGUE
from peak_console.config.lint import reference as rules
from peak_console.config.lint.schema import SHAPES
from peak_console.config.schema import ConfigModel

ROOT = Path(__file__).parents[2]


def test_the_pages_are_current() -> None:
    """Run the modules again when this fails."""
    for page in (rules, keys):
        assert (ROOT / page.PAGE).read_text(encoding="utf-8") == page.render()


def test_every_rule_has_its_words() -> None:
    """Title, explanation and remedy; ids are unique, dotted and lower case."""
    page = rules.render()
    for name, rule in CATALOGUE.items():
        assert name == rule.id
        assert name == name.lower()
        assert name.count(".") == 1
        assert all((rule.title, rule.explanation, rule.remedy))
        assert f"### {name}\n" in page


def test_every_key_has_a_description() -> None:
    """No key ships without its meaning."""
    seen: set[type[ConfigModel]] = set()

    def walk(model: type[ConfigModel]) -> None:
        if model in seen:
            return
        seen.add(model)
        assert model.__doc__
        for key, field in fields_of(model):
            assert field.description, f"{model.__name__}.{key}"
            for inner in models_in(field.annotation):
                walk(inner)

    for shape in SHAPES.values():
        walk(shape)
