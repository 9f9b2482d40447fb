"""What every worker looks for by the clock."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from notifications.kinds import State
from notifications.models import Message
from notifications.services import clear_jobs, give_up_on_lost, wake_worker

logger = logging.getLogger(__name__)

_duties: list[Callable[[datetime], Any]] = []


def on_beat(duty: Callable[[datetime], Any]) -> None:
    """Let every worker give `duty` the time several times a minute. It finds out by itself whether anything is due."""
    _duties.append(duty)


def beat(*, now: datetime | None = None) -> None:
    """What every worker does several times a minute: find work that is due, and what died with a process.

    Any number of workers may do it at once. A duty that fails is logged, and stops no other.
    """
    moment = now or timezone.now()
    give_up_on_lost(now=moment)
    clear_jobs(moment)
    for duty in _duties:
        try:
            duty(moment)
        except Exception:
            logger.exception("%s.%s failed.", duty.__module__, duty.__qualname__)
    is_due = Message.objects.filter(state=State.WAITING, next_attempt_at__lte=moment).exists()
    if is_due and not DBTaskResult.objects.ready().exists():
        wake_worker()
