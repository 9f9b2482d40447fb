"""Background work: each job does what is due, whoever asked for it and however often."""

from django_tasks import task

from notifications import services


@task()
def deliver() -> None:
    """Send what waits."""
    services.deliver_due()
