"""A provider's rate limit: requests and tokens per minute, as buckets that refill steadily."""

from dataclasses import dataclass

_MINUTE_S = 60.0


@dataclass(slots=True)
class Bucket:
    """An allowance per minute; what was used comes back at an even rate."""

    per_minute: int
    used: float = 0.0
    at_s: float = 0.0

    def refill(self, now_s: float) -> None:
        """Give back what came back since the last look."""
        self.used = max(0.0, self.used - (now_s - self.at_s) * self.per_minute / _MINUTE_S)
        self.at_s = now_s

    @property
    def remaining(self) -> int:
        """What may be used at once now."""
        return max(0, int(self.per_minute - self.used))

    @property
    def reset_s(self) -> float:
        """Seconds until the allowance is whole again."""
        return self.used * _MINUTE_S / self.per_minute


class RateLimit:
    """One provider's limits of requests and tokens."""

    def __init__(self, requests_per_minute: int = 60_000, tokens_per_minute: int = 150_000_000) -> None:
        self.requests = Bucket(requests_per_minute)
        self.tokens = Bucket(tokens_per_minute)

    def admit(self, now_s: float) -> bool:
        """Count a request; false, and not counted, when the allowance is spent."""
        self.requests.refill(now_s)
        self.tokens.refill(now_s)
        if self.requests.remaining < 1 or self.tokens.remaining < 1:
            return False
        self.requests.used += 1
        return True

    def spend(self, tokens: int) -> None:
        """Count tokens."""
        self.tokens.used += tokens


def spelled(seconds: float) -> str:
    """A duration as OpenAI's headers spell it: ``20ms``, ``1.5s``, ``6m0s``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, _MINUTE_S)
    text = f"{rest:.3f}".rstrip("0").rstrip(".")
    return f"{int(minutes)}m{text}s" if minutes else f"{text}s"
