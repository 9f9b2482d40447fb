"""The worker: does the jobs, and finds what is due by the clock."""

import logging
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django_tasks_db.management.commands import db_worker

from audit.triggers import require_current_triggers
from notifications.schedule import beat

BEAT_SECONDS = 15
RECONNECT_SECONDS = 5

logger = logging.getLogger(__name__)


class Command(db_worker.Command):
    """django-tasks-db's worker, which also looks at the clock and survives a restart of the database."""

    help = "Send mail and reminders, and do all other background work. Any number of these may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The worker's own; it is not started anew at each change of the code, which would break off mails."""
        super().add_arguments(parser)
        parser.set_defaults(reload=False)

    def handle(self, **options: Any) -> None:
        """Work until a signal says to stop, or with --batch until nothing is left."""
        require_current_triggers()
        if options["batch"]:
            beat()
        else:
            threading.Thread(target=keep_beating, name="beat", daemon=True).start()
        while True:
            try:
                return super().handle(**options)
            except (OperationalError, InterfaceError):
                logger.exception("The database does not answer. Trying again in %s s.", RECONNECT_SECONDS)
                connection.close()
                time.sleep(RECONNECT_SECONDS)


def keep_beating() -> None:
    """Find what is due, for ever. A failure is logged, and the next time it is tried again."""
    while True:
        close_old_connections()
        try:
            beat()
        except Exception:
            logger.exception("Looking for what is due failed. Trying again in %s s.", BEAT_SECONDS)
        time.sleep(BEAT_SECONDS)
