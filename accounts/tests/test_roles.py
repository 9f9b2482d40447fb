"""The table of roles."""

from accounts.roles import PERMISSIONS, Role, allows, allows_module, leading_role


def test_an_unknown_role_carries_nothing() -> None:
    assert not allows("Owner", "invoices.view_invoice")
    assert not allows_module("Owner", "invoices")


def test_a_role_carries_what_its_row_says() -> None:
    assert allows("Finance", "invoices.issue_invoice")
    assert not allows("Viewer", "invoices.issue_invoice")
    assert allows_module("Viewer", "invoices")
    assert allows_module("Auditor", "audit")
    assert not allows_module("Finance", "audit")
    assert not allows_module("Viewer", "invoice")


def test_who_reads_the_record_writes_nothing() -> None:
    writing = {name for name in PERMISSIONS[Role.AUDITOR] if not name.split(".")[1].startswith("view_")}
    assert writing == set()


def test_the_leading_role_is_the_first_of_admin_finance_auditor_viewer() -> None:
    assert leading_role({"Viewer", "Auditor", "Finance", "Admin"}) == "Admin"
    assert leading_role({"Viewer", "Auditor", "Finance"}) == "Finance"
    assert leading_role({"Viewer", "Auditor"}) == "Auditor"
    assert leading_role({"Viewer"}) == "Viewer"
    assert leading_role(set()) is None
