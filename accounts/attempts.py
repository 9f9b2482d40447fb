"""How often something may be tried, on one account and from one address. No ORM: ``accounts.services`` keeps count."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from core.errors import DomainError


class TooManyAttempts(DomainError):
    """The limit of the account or of the address is reached; whether the password was right is not said."""

    status = 429
    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, wait_seconds: int) -> None:
        self.wait = wait_seconds
        super().__init__(f"There were too many attempts. Try again in {duration(wait_seconds)}.")


@dataclass(frozen=True)
class Limit:
    """At most `attempts` in any `window_seconds`."""

    name: str
    attempts: int
    window_seconds: int


FAILED_SIGN_INS = Limit("failed sign-ins", attempts=10, window_seconds=15 * 60)
RESET_MAILS = Limit("reset mails", attempts=3, window_seconds=60 * 60)
RESET_REQUESTS = Limit("reset requests", attempts=10, window_seconds=60 * 60)


@dataclass(frozen=True)
class Counter:
    """A limit on one subject: "account ann@example.test" or "address 192.0.2.1"."""

    limit: Limit
    subject: str

    @property
    def key(self) -> str:
        """Under what the attempts are kept. Digested: people type passwords into the field for the e-mail address."""
        return hashlib.sha256(f"{self.limit.name}, {self.subject}".encode()).hexdigest()

    def recent(self, moments: Sequence[float], now: float) -> list[float]:
        """The attempts of the window that ends now."""
        return [moment for moment in moments if moment > now - self.limit.window_seconds]

    def wait_seconds(self, moments: Sequence[float], now: float) -> int:
        """Whole seconds until there is room for another attempt; 0 where there is."""
        recent = self.recent(moments, now)
        if len(recent) < self.limit.attempts:
            return 0
        return max(1, math.ceil(recent[-self.limit.attempts] + self.limit.window_seconds - now))


def counters_of(
    email: str, address: str, *, on_account: Limit = FAILED_SIGN_INS, from_address: Limit = FAILED_SIGN_INS
) -> list[Counter]:
    """What an attempt counts against; nothing but the account where the address is unknown ("")."""
    return [Counter(on_account, f"account {email.strip().lower()}"), *counters_of_address(from_address, address)]


def counters_of_address(limit: Limit, address: str) -> list[Counter]:
    """What an attempt from the address counts against; nothing where that is unknown ("")."""
    return [Counter(limit, f"address {_network(address)}")] if address else []


def _network(address: str) -> str:
    """Who has one address of IPv6 has the 2^64 of its network."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def duration(seconds: int) -> str:
    """A time to wait, in whole minutes, as people say it."""
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
