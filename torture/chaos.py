"""What goes wrong, and when: processes killed and the database restarted, spread evenly over the work."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from torture.cluster import Cluster
from torture.server import Victim

MASTER_EVERY = 15


@dataclass
class Chaos:
    """`kills` of workers (every fifteenth: of a master with all its workers) and `restarts` of the database."""

    cluster: Cluster
    victims: Sequence[Victim]
    seed: int
    kills: int
    restarts: int
    killed: int = 0
    masters_killed: int = 0
    killed_of: Counter[str] = field(default_factory=Counter)
    restarted: int = 0
    restarts_between: list[tuple[float, float]] = field(default_factory=list)
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Chance follows from the seed."""
        self.chance = random.Random(self.seed)  # noqa: S311  not a secret

    def go_on(self, progress: float) -> None:
        """Do what is due when `progress` (0 to 1) of the work is done; at most one of each."""
        if self.restarted < self.restarts and progress * (self.restarts + 1) >= self.restarted + 1:
            began = time.monotonic()
            self.cluster.restart_at_once()
            self.restarts_between.append((began, time.monotonic()))
            self.restarted += 1
        if self.killed < self.kills and progress * (self.kills + 1) >= self.killed + 1:
            self._kill(self.chance.choice(self.victims))

    @property
    def is_over(self) -> bool:
        """Whether everything that was asked for has gone wrong."""
        return self.killed >= self.kills and self.restarted >= self.restarts

    def _kill(self, victim: Victim) -> None:
        if (self.killed + 1) % MASTER_EVERY == 0:
            victim.kill_all()
            victim.start()
            self.masters_killed += 1
        elif not victim.kill_worker(self.chance.randrange(1_000)):
            return
        self.killed += 1
        self.killed_of[victim.name] += 1
