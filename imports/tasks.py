"""Background work: each job does what its file waits for, whoever asked for it and however often."""

from django_tasks import task

from imports import services


@task()
def work(file_id: int) -> None:
    """Check or import a file."""
    services.do_work(file_id)
