"""What verify_books says of imported files."""

from collections.abc import Iterator
from hashlib import sha256

from audit.books import Fault, name_documents, register
from imports.models import ImportFile

FILES_AT_A_TIME = 4


def prove_imports() -> None:
    """Let verify_books look at the files, and name them."""
    register(imported_files_are_unchanged)
    name_documents(ImportFile, "file_name")


def imported_files_are_unchanged() -> Iterator[Fault]:
    """Each imported file has the hash that was recorded when it was brought."""
    files = ImportFile.objects.order_by("id").values_list("id", "file_name", "sha256", "content", named=True)
    for file in files.iterator(chunk_size=FILES_AT_A_TIME):
        if sha256(file.content).hexdigest() != file.sha256:
            yield Fault("ImportFile", file.id, file.file_name, "is not what was brought: its hash differs")
