"""The rules of files as such: whether one is there, can be read, and parses. Words only."""

from typing import Final

from peak_console.config.lint.finding import Rule

FILE_RULES: Final = (
    Rule(
        "file.missing",
        "A required config file is not there",
        "Matrix, registry, prices and budgets must all stand; without one of them no call can be judged, "
        "priced or bounded.",
        "restore the file, or make a new workspace with `peak init` and copy it from there",
    ),
    Rule(
        "file.unreadable",
        "A config file cannot be read",
        "The path is a folder, a device or a broken link, or its permissions do not let this user read it.",
        "make it a regular file that this user may read",
    ),
    Rule(
        "file.too_large",
        "A config file is too large",
        "Files above one million bytes or a hundred thousand values are not read: no config needs that "
        "much, and reading it would hold up every caller.",
        "take out what does not belong there",
    ),
    Rule(
        "file.not_utf8",
        "A config file is not UTF-8",
        "TOML, YAML and prompts are UTF-8 text. Another encoding would be read differently on another "
        "machine.",
        "save the file as UTF-8",
    ),
    Rule(
        "file.syntax",
        "A config file does not parse",
        "The text is not TOML 1.0, or not the plain part of YAML that configs may use (mappings, lists "
        "and plain values, without aliases, tags and repeated keys). The place is where the parser gave "
        "up; the cause may lie a line above.",
        "mend the text at this place",
    ),
    Rule(
        "file.yaml_beside_toml",
        "Two files claim to be the same config",
        "YAML is read where TOML is absent. Where both stand, nobody can see from the folder which one "
        "counts.",
        "keep one of the two and delete the other",
    ),
    Rule(
        "file.secret",
        "A config file holds what looks like a secret",
        "Configs are in git and in evidence packs. Keys come from the environment only. The rule knows "
        "the forms of common keys, passwords in addresses, and keys named like secrets; it never repeats "
        "what it found.",
        "take it out, revoke it at the provider, and set it in the environment",
        blocks=False,
    ),
)
