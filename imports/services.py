"""The verbs of imports: bring a file, change how it is meant, check it, import it, discard it.

Errors: NotFound, FileUnreadable, FileTooLarge, MappingIncomplete, WrongState, StaleVersion, TextInvalid. What is wrong
with a row is a problem of its own, by row and column.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_tasks import TaskResultStatus, default_task_backend
from django_tasks_db.models import DBTaskResult

from audit.actors import Actor
from audit.services import recording, require_version, write_version
from core.database import locked
from core.errors import DomainError
from core.text import clean_text
from imports.columns import COLUMNS, proposed_mapping
from imports.files import FileUnreadable, header_of, table_rows
from imports.models import DETAIL_LENGTH, FILE_NAME_LENGTH, ImportFile, ImportProblem, Mode, State
from imports.plans import Plan, Problem, slices_of
from imports.writing import check, write
from parties.models import Company

LARGEST_FILE_BYTES = 50 * 1024 * 1024
ABANDONED_AFTER = timedelta(minutes=10)
"""Whoever works on a file says so with every slice, which takes seconds."""
ROWS_AT_ONCE = 1_000
"""Up to so many rows are done while one waits; more are left to the worker."""
MOST_PROBLEMS_KEPT = 10_000


class FileTooLarge(DomainError):
    """More than is taken in one file."""

    code = "file_too_large"
    title = "Too large"
    default_detail = f"At most {LARGEST_FILE_BYTES // 1024 // 1024} MB are possible: split the file."


class MappingIncomplete(DomainError):
    """A column that is needed has none of the file's."""

    code = "mapping_incomplete"
    title = "Column missing"


class WrongState(DomainError):
    """The file has come too far for that, or not far enough."""

    code = "wrong_state"
    title = "Not possible now"


class RowsRefused(DomainError):
    """A row was refused of a file that is imported as a whole."""

    code = "rows_refused"
    title = "Nothing was imported"


def bring_file(
    *, actor: Actor, company: Company, kind: str, file_name: str, content: bytes, **options: Any
) -> ImportFile:
    """Keep a file, with the columns that its header seems to mean. `options` are columns of ImportFile."""
    if len(content) > LARGEST_FILE_BYTES:
        raise FileTooLarge(field="file")
    mapping = proposed_mapping(kind, header_of(content))
    rows = sum(1 for _ in table_rows(content)) - 1
    with transaction.atomic(), recording(actor=actor, action="import.brought", company_id=company.pk) as change:
        return ImportFile.objects.create(
            company=company,
            kind=kind,
            file_name=clean_text(file_name, max_length=FILE_NAME_LENGTH, field="file"),
            content=content,
            sha256=sha256(content).hexdigest(),
            mapping=mapping,
            requested_by_id=actor.actor_id,
            requested_by=actor.actor_name,
            rows_total=rows,
            change=change,
            **options,
        )


def change_reading(
    *, actor: Actor, file_id: int, version: int | None = None, mapping: dict[str, str], **options: Any
) -> ImportFile:
    """Say anew how the file is meant; it is checked again."""
    with transaction.atomic():
        file = _locked_in(file_id, version, State.CHECKING, State.CHECKED, State.REFUSED)
        with recording(actor=actor, action="import.reading_changed", company_id=file.company_id) as change:
            write_version(file, change=change, mapping=mapping, state=State.CHECKING, **options)
        _count(file, rows_read=0)
    return file


def start_import(*, actor: Actor, file_id: int, version: int | None = None) -> ImportFile:
    """Let the checked file be imported, in the actor's name. Raises RowsRefused where it has to be whole and is not."""
    with transaction.atomic():
        file = _locked_in(file_id, version, State.CHECKED)
        if file.mode == Mode.ALL and file.bad_count:
            raise RowsRefused(f"{file.bad_count} rows are wrong: mend them, or skip bad rows.")
        if not file.good_count:
            raise RowsRefused("There is no row that could be imported.")
        with recording(actor=actor, action="import.started", company_id=file.company_id) as change:
            by = {"requested_by_id": actor.actor_id, "requested_by": actor.actor_name}
            write_version(file, change=change, state=State.RUNNING, **by)
        _count(file, rows_read=0, good_count=0, bad_count=0)
        file.problems.all().delete()
    return file


def discard_file(*, actor: Actor, file_id: int, version: int | None = None) -> ImportFile:
    """Leave the file as it is: nothing is made of it. It stays, with who brought it."""
    with transaction.atomic():
        file = _locked_in(file_id, version, State.CHECKING, State.CHECKED, State.REFUSED)
        with recording(actor=actor, action="import.discarded", company_id=file.company_id) as change:
            write_version(file, change=change, state=State.DISCARDED)
    return file


def work_on(file: ImportFile) -> ImportFile:
    """Do the work that the file waits for now if it is small, or leave it to the worker."""
    if file.rows_total <= ROWS_AT_ONCE:
        do_work(file.pk)
    else:
        _leave_to_worker(file.pk)
    return ImportFile.objects.get(pk=file.pk)


def resume_abandoned(*, now: datetime) -> int:
    """Give to the workers what has not moved for ABANDONED_AFTER, since its process died; how many files.

    A file whose row is locked is being written as a whole, and one with a job waits for its turn: they are left alone.
    """
    before = now - ABANDONED_AFTER
    silent = Q(worked_at__lt=before) | Q(worked_at=None, created_at__lt=before)
    abandoned = ImportFile.objects.filter(silent, state__in=(State.CHECKING, State.RUNNING))
    if not abandoned.exists():
        return 0
    with transaction.atomic():
        can_skip = connection.features.has_select_for_update_skip_locked
        rows = abandoned.exclude(pk__in=_with_waiting_job()).select_for_update(skip_locked=can_skip)
        ids = list(rows.order_by("pk").values_list("pk", flat=True))
        ImportFile.objects.filter(pk__in=ids).update(worked_at=now)
        for file_id in ids:
            _leave_to_worker(file_id)
    return len(ids)


def _with_waiting_job() -> set[int]:
    """The files for which a job waits."""
    from imports.tasks import work  # noqa: PLC0415  # the job calls this room's services

    waiting = DBTaskResult.objects.filter(status=TaskResultStatus.READY, task_path=work.module_path)
    return {job["args"][0] for job in waiting.values_list("args_kwargs", flat=True)}


def _leave_to_worker(file_id: int) -> None:
    from imports.tasks import work  # noqa: PLC0415  # the job calls this room's services

    default_task_backend.enqueue(work, [file_id], {})


def do_work(file_id: int) -> None:
    """Check the file, or import it; whichever it waits for. Doing it twice does it once."""
    file = ImportFile.objects.select_related("company").filter(pk=file_id).first()
    if file is not None and file.state == State.CHECKING:
        check_file(file)
    elif file is not None and file.state == State.RUNNING:
        import_file(file)


def check_file(file: ImportFile) -> None:
    """Look at every row without writing anything, and note what is wrong."""
    file.problems.all().delete()
    good = bad = 0
    try:
        require_mapping(file)
        for plans in slices_of(file):
            check(file, plans)
            bad += _keep_problems(file, plans, so_far=bad)
            good += sum(1 for plan in plans if not plan.problems)
            _count(file, rows_read=plans[-1].rows[-1], good_count=good, bad_count=bad)
    except (FileUnreadable, MappingIncomplete) as refusal:
        good, bad = 0, 1
        ImportProblem.objects.create(file=file, row=1, detail=refusal.detail)
    _count(file, good_count=good, bad_count=bad)
    _end(file, State.CHECKING, State.CHECKED, "import.checked")


def import_file(file: ImportFile) -> None:
    """Write the rows: all in one transaction, or slice by slice, each with its rows counted in the same transaction."""
    if file.mode == Mode.GOOD:
        for plans in slices_of(file, after_row=file.rows_read):
            _write_slice(file, plans)
        _end(file, State.RUNNING, State.DONE, "import.done")
        return
    refused = _import_whole(file)
    if refused:
        wrong = _keep_problems(file, refused, so_far=0)
        _count(file, rows_read=0, good_count=0, bad_count=wrong)
        _end(file, State.RUNNING, State.REFUSED, "import.refused")


def _import_whole(file: ImportFile) -> Sequence[Plan]:
    """Write all rows in one transaction; where any is refused nothing is written, and its slice is returned."""
    with transaction.atomic():
        for plans in slices_of(file):
            _write_slice(file, plans)
            if file.bad_count:
                transaction.set_rollback(True)
                return plans
        _end(file, State.RUNNING, State.DONE, "import.done")
    return []


def require_mapping(file: ImportFile) -> None:
    """Raise MappingIncomplete where a column that every row needs is not in the file."""
    missing = [column.label for column in COLUMNS[file.kind] if column.required and not file.mapping.get(column.name)]
    if missing:
        raise MappingIncomplete(f"Say which column of the file is: {', '.join(missing)}.")


def _write_slice(file: ImportFile, plans: Sequence[Plan]) -> None:
    """Write what is good of a slice, once: the file's row is locked, and says how far it has come."""
    with transaction.atomic():
        current = locked(ImportFile.objects.defer("content"), pk=file.pk)
        if current.state != State.RUNNING or current.rows_read >= plans[0].rows[0]:
            return
        check(file, plans)
        good = [plan for plan in plans if not plan.problems]
        while not _written_whole(file, good):
            good = [plan for plan in good if not plan.problems]
        bad = _keep_problems(file, plans, so_far=current.bad_count)
        _count(
            file,
            rows_read=plans[-1].rows[-1],
            good_count=current.good_count + len(good),
            bad_count=current.bad_count + bad,
        )


def _written_whole(file: ImportFile, plans: Sequence[Plan]) -> bool:
    """Whether all plans are written; else none is, and those that were refused say why."""
    mark = transaction.savepoint()
    write(file, plans)
    if any(plan.problems for plan in plans):
        transaction.savepoint_rollback(mark)
        return False
    transaction.savepoint_commit(mark)
    return True


def _keep_problems(file: ImportFile, plans: Sequence[Plan], *, so_far: int) -> int:
    """Keep what is wrong with the plans, as far as there is room; how many plans are wrong."""
    wrong = [plan for plan in plans if plan.problems]
    if so_far < MOST_PROBLEMS_KEPT:
        ImportProblem.objects.bulk_create([_row_of(file, problem) for plan in wrong for problem in plan.problems])
    return len(wrong)


def _row_of(file: ImportFile, problem: Problem) -> ImportProblem:
    return ImportProblem(file=file, row=problem.row, column=problem.column[:40], detail=problem.detail[:DETAIL_LENGTH])


def _count(file: ImportFile, **counters: int) -> None:
    """Say how far the work has come: counters, which are no part of the record."""
    now = timezone.now()
    ImportFile.objects.filter(pk=file.pk).update(worked_at=now, **counters)
    for name, value in counters.items():
        setattr(file, name, value)


def _end(file: ImportFile, before: str, after: str, action: str) -> None:
    with transaction.atomic():
        current = locked(ImportFile.objects.all(), pk=file.pk)
        if current.state != before:
            return
        with recording(actor=file, action=action, company_id=file.company_id) as change:
            write_version(current, change=change, state=after)


def _locked_in(file_id: int, version: int | None, *states: str) -> ImportFile:
    file = locked(ImportFile.objects.select_related("company"), pk=file_id)
    require_version(file, version)
    if file.state not in states:
        raise WrongState(f"This file is {file.get_state_display().lower()}.")
    return file
