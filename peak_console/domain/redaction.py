"""Secrets struck out of text that is written or shown: by form, and by value where known. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

STRUCK: Final = "[redacted]"

_FORMS: Final = (
    r"\bsk-(?:[A-Za-z0-9]{1,40}-){0,6}[A-Za-z0-9_]{20,400}",  # OpenAI
    r"\bAIza[0-9A-Za-z_-]{30,400}",  # Google
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS access key id
    r"\bABSK[A-Za-z0-9+/=]{30,400}",  # Amazon Bedrock API key
    r"\btgp_v1_[A-Za-z0-9_-]{20,400}",  # Together
    r"\b(?:gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{20,400}",  # GitHub, GitLab
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,400}",  # Slack
    r"\bhf_[A-Za-z0-9]{30,400}",  # Hugging Face
    r"\beyJ[A-Za-z0-9_-]{8,1000}\.eyJ[A-Za-z0-9_-]{8,4000}(?:\.[A-Za-z0-9_-]{0,1000})?",  # JSON web token
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[\w+/=\s]{0,8000}-----END [A-Z ]{0,40}PRIVATE KEY-----)?",
    r"(?<=[Bb]earer )[A-Za-z0-9._~+/-]{16,4000}=*",  # an Authorization header
    r"(?<=://)[^/\s:@'\"]{1,200}:[^/\s@'\"]{1,200}(?=@)",  # user and password of a URL
)
_SECRET: Final = re.compile("|".join(_FORMS))
_SIGNS: Final = (
    *("sk-", "AIza", "AKIA", "ASIA", "ABSK", "tgp_v1_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "xox", "hf_", "eyJ", "-----BEGIN ", "earer ", "://"),
)
"""Of each form a piece without which it cannot stand in a text: looking for those is far quicker."""

_NAMED: Final = re.compile(
    r"(?i)(\b(?:[a-z0-9]{1,40}[_-]){0,4}(?:api[_-]?key|secret|password|passwd|access[_-]?key|token)\b[\"']?\s*[=:]\s*[\"']?)"
    r"([^\s\"',;&]{8,4000})"
)
_NAME_SIGN: Final = re.compile(r"(?i)(?:key|secret|passwo?r?d|token)[\"']?\s*[=:]")
_SECRET_VARIABLE: Final = re.compile(r"(?:API_KEY|SECRET|TOKEN|PASSWORD|ACCESS_KEY)")
_SHORTEST: Final = 8

Redact = Callable[[str], str]


def holds_secret(text: str) -> bool:
    """Whether something in ``text`` has the form of a key; what is only named so does not count."""
    return any(sign in text for sign in _SIGNS) and _SECRET.search(text) is not None


def redactor(known: Iterable[str] = ()) -> Redact:
    """A function that strikes out what looks like a key or stands as a key's value, and what is ``known``."""
    values = sorted({one for one in known if len(one) >= _SHORTEST}, key=len, reverse=True)
    struck = re.compile("|".join(re.escape(one) for one in values)) if values else None

    def redact(text: str) -> str:
        if struck is not None and any(one in text for one in values):
            text = struck.sub(STRUCK, text)
        if any(sign in text for sign in _SIGNS):
            text = _SECRET.sub(STRUCK, text)
        return _NAMED.sub(rf"\g<1>{STRUCK}", text) if _NAME_SIGN.search(text) else text

    return redact


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """The values of an environment's variables that are named like secrets."""
    return [value.strip() for name, value in environ.items() if _SECRET_VARIABLE.search(name)]
