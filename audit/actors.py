"""Who acts: a person, or a named part of the system. A command without an actor is refused."""

from dataclasses import dataclass
from typing import Protocol


class Actor(Protocol):
    """What the journal needs to know of whoever gives a command."""

    @property
    def actor_id(self) -> int | None:
        """The user's id; None for a part of the system."""
        ...

    @property
    def actor_name(self) -> str:
        """The e-mail address as it is now, or the system actor's name."""
        ...


@dataclass(frozen=True)
class SystemActor:
    """A command line, a job or a webhook, by name ("system:setup")."""

    actor_name: str
    actor_id: None = None


SYSTEM = SystemActor("system")
