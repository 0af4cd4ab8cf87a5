"""Which forbidden types of output an answer holds: by what it declares, and by what stands in it.

Deterministic and bounded over hostile text: a scan that never goes back, over the text as it is, under NFKD
with look-alikes folded, and with its escapes taken off. A text longer than :data:`LIMIT` is not judged, and
counts as holding everything that is forbidden.
"""

import html
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from peak_console.domain.redaction import holds_secret
from peak_console.policy.output_keys import Pairs, is_spread_order, telling, type_of_pairs, type_of_row
from peak_console.policy.output_phrases import phrases
from peak_console.policy.output_types import (
    CODE,
    CONFIG_CHANGE,
    EXECUTION_COMMAND,
    ORDER_PARAMETERS,
    SECRETS,
    bare,
    folded,
    known_as,
)

LIMIT: Final = 600_000
"""Characters of an answer that are judged."""
_ROUNDS: Final = 3
"""How often escapes are taken off."""
_SEPARATOR: Final = "\x01"
"""What parts the fields of a FIX message; else it is a character that nobody sees, and is taken out."""
_DEPTH: Final = 200
_INNER: Final = 50
_RULING: Final = " \t`~{}[](),;*-+"
"""What may stand alone on a line between keys."""

_DECLARING: Final = frozenset(
    {"type", "outputtype", "kind", "schema", "title", "artifacttype", "artefacttype"}
)
_OWN_TYPE: Final = frozenset({"outputtype", "artifacttype", "artefacttype"})
"""Keys that say of an answer what it is; ``type`` alone says that of anything."""

_TOKEN: Final = re.compile(
    r"(?P<open>\{)|(?P<close>\})|(?P<gap>\n[ \t]*\n)"
    r"|<(?P<tag>[A-Za-z][\w.:-]{0,47}+)(?:[ \t]{0,4}+>\s{0,8}+(?P<inner>[^<\n]{0,80}+))?"
    r"|(?<![\w$])(?P<key>[A-Za-z@$](?:[\w$@.]|-(?!>)){0,47}+(?: [A-Za-z][\w-]{0,23}+(?<!-)){0,2}+)"
    r"[\"'`*_]{0,3}+[ \t]{0,4}+(?P<sign>:=|=>|->|[→⇒➔➜⟶➡]|:|=)(?!=)[ \t\n]{0,4}+[\"'`*_]{0,3}+"
    r"(?P<value>[^\n\"'`,;{}\[\]|]{0,80}+)"
)
_CONSTRUCTED: Final = re.compile(r"(?<![\w$])([A-Za-z]\w{2,47}+)[ \t]{0,4}+[({>]")
_HEADED: Final = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]{1,4}+([A-Za-z][\w -]{2,47}+)[ \t:]*$", re.MULTILINE)
_DECLARATION: Final = re.compile(r"(?:export|setx?|env|setenv|let|const|var|declare) ", re.IGNORECASE)
"""Words of shells and languages before a name."""
_ROW: Final = re.compile(r"^[ \t]*\|?([^\n|]{1,40}(?:\|[^\n|]{0,40}){2,20})\|?[ \t]*$", re.MULTILINE)
_CSV: Final = re.compile(
    r"^[ \t]*([A-Za-z][\w ]{0,30}(?:[,;\t][A-Za-z][\w ]{0,30}){2,20})[ \t]*$", re.MULTILINE
)

_EXECUTES: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:place|submit|send|create|cancel|replace|execute|modify|route)_?(?:new|market|limit|stop)?_?"
    r"(?:orders?|trades?|execution)[ \t]{0,4}\("
    r"|\b(?:POST|PUT|DELETE|PATCH)[ \t]{1,4}\S{0,200}/(?:orders?|trades?|positions?)\b",
    re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"^[ \t>]{0,8}(?:```|~~~)[ \t]{0,4}(?:python|py|javascript|js|typescript|ts|rust|go|java|kotlin|c|cpp"
    r"|c\+\+|csharp|cs|ruby|rb|php|swift|scala|r|julia|sh|bash|zsh|shell|powershell|ps1|sql|diff|patch|solidity|lua)\b"
    r"|^diff --git |^@@ -\d|^#!/|^[ \t]{0,16}(?:def|class|async def) \w{1,64}[ \t]{0,4}[(:]"
    r"|^[ \t]{0,16}(?:from [\w.]{1,64} )?import [\w.*{]|^[ \t]{0,16}function[ \t]{1,4}\w{0,64}[ \t]{0,4}\(",
    re.IGNORECASE | re.MULTILINE,
)
_CONFIG_DIFF: Final = re.compile(
    r"^(?:\+\+\+|---) \S{0,200}\.(?:toml|ya?ml|ini|json|lock|env)\b", re.IGNORECASE | re.MULTILINE
)
_BY_FORM: Final = {EXECUTION_COMMAND: _EXECUTES, CODE: _CODE, CONFIG_CHANGE: _CONFIG_DIFF}


@dataclass(frozen=True, slots=True)
class OutputFound:
    """A forbidden type of output in an answer: its name as the scope writes it, how that is known."""

    type: str
    how: str
    line: int
    """Counted from 1."""


@dataclass(slots=True)
class _Group:
    """The keys that stand together: an object, or lines without an empty one between them."""

    pairs: Pairs = field(default_factory=list)
    inner: list[Pairs] = field(default_factory=list)
    line: int = 1
    before: Pairs = field(default_factory=list)
    """The telling keys of the paragraphs before, while each is a list of keys and nothing else."""


def forbidden_outputs(
    text: str, forbidden: Collection[str], *, allowed: Collection[str] = ()
) -> tuple[OutputFound, ...]:
    """Each of the ``forbidden`` types that ``text`` holds, once, in the order of their names.

    Where ``allowed`` names types, a text that says of itself (``output_type``) that it is another is found
    too: what is in neither list is forbidden.
    """
    if not forbidden and not allowed:
        return ()
    if len(text) > LIMIT:
        return _unjudged(forbidden)
    named = {bare(one): one for one in forbidden}
    meant: dict[str, str] = {}
    for one in sorted(forbidden):
        known = known_as(one)
        if known is not None:
            meant.setdefault(known, one)
    permitted = {bare(one) for one in allowed} - set(named)
    found: dict[str, OutputFound] = {}
    for reading in _readings(text):
        if len(reading) > 2 * LIMIT:
            return _unjudged(forbidden)
        for hit in _found(reading, named, meant, permitted):
            found.setdefault(hit.type, hit)
    return tuple(found[name] for name in sorted(found))


def _unjudged(forbidden: Collection[str]) -> tuple[OutputFound, ...]:
    """Everything that is forbidden: nobody looked, so nothing is passed."""
    how = f"not judged: longer than {LIMIT:,} characters"
    return tuple(OutputFound(one, how, 1) for one in sorted(forbidden))


def _readings(text: str) -> Iterator[str]:
    """The text folded, and each further reading with its escapes taken off."""
    if _SEPARATOR in text:
        yield folded(text.replace(_SEPARATOR, "|"))
    now = folded(text)
    yield now
    for _ in range(_ROUNDS):
        plain = _unescaped(now)
        if _SEPARATOR in plain:
            yield folded(plain.replace(_SEPARATOR, "|"))
        further = folded(plain)
        if further == now:
            return
        now = further
        yield now


_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'/\\nt]))")
_PLAIN: Final = {"n": "\n", "t": "\t"}


def _unescaped(text: str) -> str:
    """One layer of JSON's escapes and of HTML's taken off."""
    if "\\" in text:
        text = _ESCAPE.sub(_character, text)
    return html.unescape(text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    point = match[1] or match[2]
    return chr(int(point, 16)) if point else _PLAIN.get(match[3], match[3])


def _found(
    text: str, named: dict[str, str], meant: dict[str, str], permitted: Collection[str]
) -> Iterator[OutputFound]:
    yield from _declared(text, named)
    for kind, pattern in _BY_FORM.items():
        match = pattern.search(text) if kind in meant else None
        if match is not None:
            yield OutputFound(meant[kind], "its form", _line(text, match.start()))
    if SECRETS in meant and holds_secret(text):
        yield OutputFound(meant[SECRETS], "something has the form of a key", 1)
    for phrase in phrases(text):
        if phrase.kind in meant:
            yield OutputFound(meant[phrase.kind], phrase.how, _line(text, phrase.at))
    for pattern, sign in ((_ROW, "|"), (_CSV, None)):
        for match in pattern.finditer(text):
            cells = match[1].split(sign) if sign else re.split(r"[,;\t]", match[1])
            kind = type_of_row([bare(cell) for cell in cells])
            if kind in meant:
                yield OutputFound(meant[kind], "the columns of a table", _line(text, match.start()))
    for group in _groups(text):
        yield from _judged(group, named, meant, permitted)


def _declared(text: str, named: dict[str, str]) -> Iterator[OutputFound]:
    """Types that a heading, a tag or a constructor names."""
    for pattern, how in ((_CONSTRUCTED, "it stands there as a construct"), (_HEADED, "a heading names it")):
        for match in pattern.finditer(text):
            name = named.get(bare(match[1]))
            if name is not None:
                yield OutputFound(name, how, _line(text, match.start()))


def _judged(
    group: _Group, named: dict[str, str], meant: dict[str, str], permitted: Collection[str]
) -> Iterator[OutputFound]:
    """What one group of keys is, by what it declares and by the keys that stand together."""
    for key, value in group.pairs:
        told = bare(value) if key in _DECLARING else key
        name = named.get(told) or (meant.get(known_as(value) or "") if key in _DECLARING else None)
        if name is not None:
            yield OutputFound(name, "declared", group.line)
        elif permitted and key in _OWN_TYPE and told and told not in permitted:
            yield OutputFound(value.strip()[:60], "declared, and not among the allowed types", group.line)
    own = telling(group.pairs)
    for pairs in (group.pairs, *(own + inner for inner in group.inner)):
        for kind in type_of_pairs(pairs):
            if kind in meant:
                yield OutputFound(meant[kind], "the keys that stand together", group.line)
    if group.before and ORDER_PARAMETERS in meant and is_spread_order(group.before + own):
        yield OutputFound(meant[ORDER_PARAMETERS], "keys parted by empty lines", group.line)


def _groups(text: str) -> Iterator[_Group]:
    """The groups of keys of a text, in any format: braces open one, an empty line ends the outermost."""
    base = _Group()
    stack: list[_Group] = []
    line, counted, began = 1, 0, 0
    for match in _TOKEN.finditer(text):
        at, kind = match.start(), match.lastgroup
        line, counted = line + text.count("\n", counted, at), at
        here = stack[-1] if stack else base
        if kind == "open":
            if len(stack) < _DEPTH:
                stack.append(_Group(line=line))
        elif kind == "close":
            if stack:
                yield _closed(stack, base)
        elif kind == "gap":
            if not stack:
                yield base
                base = _Group(line=line + 1, before=_carried(base, text[began:at]))
                began = match.end()
        elif kind in {"tag", "inner"}:
            here.pairs.append((bare(match["tag"]), match["inner"] or ""))
        else:
            if not here.pairs:
                here.line = line
            key = _DECLARATION.sub("", match["key"], count=1)
            here.pairs.append((bare(key), match["value"]))
    yield from (*reversed(stack), base)


def _closed(stack: list[_Group], base: _Group) -> _Group:
    """The innermost group, whose keys the one around it is told."""
    closed = stack.pop()
    outer = stack[-1] if stack else base
    if len(outer.inner) < _INNER:
        outer.inner.append(telling(closed.pairs))
    return closed


def _carried(group: _Group, paragraph: str) -> Pairs:
    """What the next paragraph takes over from this one: nothing where it holds more than keys and values."""
    lines = sum(1 for one in paragraph.splitlines() if one.strip(_RULING))
    return telling(group.before + group.pairs) if lines <= len(group.pairs) else []


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
