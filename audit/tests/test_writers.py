"""The promise: only the services write recorded rows; whoever reads them knows every way in which a row changes."""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

WRITES = {
    "save",
    "create",
    "get_or_create",
    "update_or_create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "_raw_delete",
    "acreate",
    "asave",
    "aupdate",
    "adelete",
}
ROOMS = (
    "core",
    "audit",
    "accounts",
    "parties",
    "invoices",
    "payments",
    "credits",
    "imports",
    "portal",
    "notifications",
    "reports",
    "fintrack",
)
ALLOWED = {
    (
        "accounts/models.py",
        "create_user",
        "user.save",
    ): "what Django's own commands call; opens or joins an entry itself",
    ("accounts/admin.py", "create", "super().create"): "the admin's own hook of that name, which calls the service",
    ("core/admin.py", "save_related", "self.create"): "the admin's own hook of that name, which calls the service",
    (
        "core/api/idempotency.py",
        "once",
        "_rows(request, company_id, key).update",
    ): "the reply of a key: no recorded row",
    ("core/admin.py", "once", "request.session.save"): "the session of the browser",
    ("accounts/sign_ins/session.py", "admit", "request.session.create"): "the session of the browser",
    ("core/model_fields.py", "__init__", "options.update"): "a dict",
    ("core/spreadsheets.py", "xlsx_file", "book.save"): "a workbook",
    ("fintrack/settings.py", "", "database.setdefault('OPTIONS', {}).update"): "a dict",
    ("fintrack/settings.py", "", "database.update"): "a dict",
}


RAW_WRITES = {
    "core/api/idempotency.py": 1,
    "audit/events.py": 2,
    "audit/seals.py": 1,
    "audit/rows.py": 2,
    "reports/summaries.py": 2,
    "reports/triggers.py": 3,
}
"""Raw statements that write: the claim of an idempotency key; the places of events; the seals of old versions; what
`audit.services` runs to write many rows at once; the sums of reports."""


def sources() -> Iterator[Path]:
    """Every module of the program but services, migrations and tests."""
    for room in ROOMS:
        for path in sorted((settings.BASE_DIR / room).rglob("*.py")):
            inside = path.relative_to(settings.BASE_DIR)
            if not {"migrations", "tests", "testing"} & set(inside.parts) and inside.name != "services.py":
                yield path


def writes_in(source: str) -> Iterator[tuple[str, str]]:
    """(enclosing function, receiver and method) of each call that may write.

    An `update` with a positional argument is a dict's: a queryset's takes names only.
    """

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
                call = child.func
                if call.attr in WRITES and not (call.attr == "update" and child.args):
                    yield name, f"{ast.unparse(call.value)}.{call.attr}"
            yield from visit(child, name)

    yield from visit(ast.parse(source), "")


def found() -> set[tuple[str, str, str]]:
    return {
        (str(path.relative_to(settings.BASE_DIR)), function, call)
        for path in sources()
        for function, call in writes_in(path.read_text())
    }


def test_nobody_but_the_services_writes() -> None:
    assert sorted(found() - set(ALLOWED)) == []


def test_the_list_of_exceptions_names_nothing_that_is_gone() -> None:
    assert sorted(set(ALLOWED) - found()) == []


def test_no_raw_sql_outside_the_audit_room_writes() -> None:
    # raw statements are rare enough to be read one by one: none of them may change a row
    words = ("INSERT INTO", "UPDATE ", "DELETE FROM", "REPLACE INTO", "TRUNCATE")
    for path in sources():
        if "audit/triggers" not in str(path):
            texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
            writing = [text for text in texts if isinstance(text, str) and text.lstrip().startswith(words)]
            assert len(writing) == RAW_WRITES.get(str(path.relative_to(settings.BASE_DIR)), 0), path


def test_control_a_write_in_a_view_is_noticed() -> None:
    source = """
def view(request):
    Customer.objects.filter(pk=1).update(name="X")
    context.update({"a": 1})
    customer.save()
"""
    assert list(writes_in(source)) == [("view", "Customer.objects.filter(pk=1).update"), ("view", "customer.save")]


def test_control_the_walk_sees_the_services_own_writes() -> None:
    services = (settings.BASE_DIR / "payments" / "services.py").read_text()
    assert ("_insert_entry", "entry.save") in set(writes_in(services))
    assert len(list(sources())) > 40
