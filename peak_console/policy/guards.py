"""What files add to the hard deny: an allow-list of providers, and further providers and models to forbid.

A file can only forbid more. An empty allow-list therefore allows nobody.
"""

import unicodedata
from collections.abc import Collection
from typing import Final

from peak_console.domain.text import one_line
from peak_console.policy.deny import Denial

_SHOWN: Final = 120
_SEPARATORS: Final = str.maketrans("", "", " -_.")


def guard(
    *,
    provider: str,
    model_id: str,
    allowed_providers: Collection[str],
    forbidden_providers: Collection[str] = (),
    forbidden_model_prefixes: Collection[str] = (),
    family: str = "",
    deployment: str = "",
) -> Denial | None:
    """The denial of a candidate by the matrix's ``[global]`` table, or ``None``.

    Allowing is exact; forbidding is generous: case, separators and styled letters do not matter, and a prefix
    is looked for at the start of the model id, family and deployment, and after each ``/`` in them.
    """
    if _plainly(provider) in {_plainly(one) for one in forbidden_providers}:
        return _denial("forbidden_provider", "provider", provider, "is forbidden by the matrix")
    if provider not in allowed_providers:
        allowed = ", ".join(sorted(allowed_providers)) or "none: the list is empty"
        return _denial("provider_not_allowed", "provider", provider, f"is not allowed (allowed: {allowed})")
    for field, name in (("model_id", model_id), ("family", family), ("deployment", deployment)):
        prefix = _forbidden_prefix(name, forbidden_model_prefixes)
        if prefix is not None:
            return _denial("forbidden_model", field, name, f"begins with {prefix!r}, forbidden by the matrix")
    return None


def _forbidden_prefix(name: str, prefixes: Collection[str]) -> str | None:
    parts = name.split("/")
    tails = [_plainly("/".join(parts[place:])) for place in range(len(parts))]
    for prefix in prefixes:
        start = _plainly(prefix)
        if start and any(tail.startswith(start) for tail in tails):
            return prefix
    return None


def _plainly(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().translate(_SEPARATORS)


def _denial(rule: str, field: str, subject: str, why: str) -> Denial:
    shown = one_line(subject, _SHOWN)
    return Denial(rule, field, shown, f"{field} {shown!r} {why}")
