"""Files that somebody brought, how they are meant, and what is wrong with their rows."""

from django.db import models
from django.db.models import TextChoices

from audit.models import Recorded, RecordedHistory
from core.database import DatabaseNow
from imports.columns import DateOrder, DecimalMark, Kind, Reading
from parties.models import Company

FILE_NAME_LENGTH = 200
DETAIL_LENGTH = 500


class State(TextChoices):
    """How far a file has come."""

    CHECKING = "checking", "Being checked"
    CHECKED = "checked", "Checked"
    RUNNING = "running", "Being imported"
    DONE = "done", "Imported"
    REFUSED = "refused", "Refused"
    DISCARDED = "discarded", "Discarded"


class Mode(TextChoices):
    """What happens to the good rows of a file that has bad ones."""

    ALL = "all", "All or nothing"
    GOOD = "good", "Skip bad rows"


class ImportFile(Recorded):
    """A file as it was brought, kept with the journal entry that says who brought it, and what is to be made of it.

    The bytes are too large for the history, which keeps their SHA-256 instead; verify_books compares the two. The
    counters follow the work and are not recorded: the documents that were made are.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField("what the rows are", max_length=10, choices=Kind)
    file_name = models.CharField(max_length=FILE_NAME_LENGTH)
    content = models.BinaryField()
    sha256 = models.CharField("SHA-256", max_length=64)
    mapping = models.JSONField(default=dict)
    dates = models.CharField("dates are written as", max_length=5, choices=DateOrder, default=DateOrder.ISO)
    decimals = models.CharField("numbers are written as", max_length=5, choices=DecimalMark, default=DecimalMark.POINT)
    mode = models.CharField("rows that are wrong", max_length=4, choices=Mode, default=Mode.ALL)
    make_customers = models.BooleanField("make customers that there are not", default=False)
    state = models.CharField(max_length=9, choices=State, default=State.CHECKING)
    requested_by_id = models.BigIntegerField(null=True, editable=False)
    requested_by = models.CharField(max_length=254, editable=False)
    created_at = models.DateTimeField("brought at", db_default=DatabaseNow(), editable=False)
    rows_total = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    rows_read = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    good_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    bad_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    worked_at = models.DateTimeField(null=True, editable=False)

    history = RecordedHistory(
        excluded_fields=["content", "rows_total", "rows_read", "good_count", "bad_count", "worked_at"]
    )

    class Meta:
        verbose_name = "import"
        ordering = ("-id",)
        indexes = [models.Index(fields=("company", "-id"), name="import_file_company")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def reading(self) -> Reading:
        """How its cells are meant."""
        return Reading(self.dates, self.decimals)

    @property
    def actor_id(self) -> int | None:
        """Who asked for it: the work is done in their name."""
        return self.requested_by_id

    @property
    def actor_name(self) -> str:
        """Who asked for it."""
        return self.requested_by


class ImportProblem(models.Model):
    """What is wrong with a row of a file. Not recorded: it follows from the file, and is found by looking again."""

    file = models.ForeignKey(ImportFile, on_delete=models.CASCADE, related_name="problems")
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=DETAIL_LENGTH)

    class Meta:
        ordering = ("row", "id")

    def __str__(self) -> str:
        return f"Row {self.row}: {self.detail}"
