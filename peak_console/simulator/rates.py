"""A provider's rate limit: requests and tokens per minute, counted for real."""

from dataclasses import dataclass

_MINUTE_S = 60.0


@dataclass(slots=True)
class RateWindow:
    """A fixed window of a minute."""

    requests_per_minute: int = 60_000
    tokens_per_minute: int = 150_000_000
    started_s: float = 0.0
    requests: int = 0
    tokens: int = 0

    def admit(self, now_s: float) -> bool:
        """Count a request; false when the minute's allowance is spent."""
        if now_s - self.started_s >= _MINUTE_S:
            self.started_s, self.requests, self.tokens = now_s, 0, 0
        self.requests += 1
        return self.requests <= self.requests_per_minute

    def spend(self, tokens: int) -> None:
        """Count tokens."""
        self.tokens += tokens

    def remaining_requests(self) -> int:
        """Requests left in this minute."""
        return max(0, self.requests_per_minute - self.requests)

    def remaining_tokens(self) -> int:
        """Tokens left in this minute."""
        return max(0, self.tokens_per_minute - self.tokens)

    def reset_s(self, now_s: float) -> float:
        """Seconds until the minute ends."""
        return max(0.0, self.started_s + _MINUTE_S - now_s)
