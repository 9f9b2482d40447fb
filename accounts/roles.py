"""The four roles and what each may do: the table that groups, endpoints and admin follow. No ORM."""

from django.db.models import TextChoices


class Role(TextChoices):
    """A role that somebody holds in a company, in order of precedence."""

    ADMIN = "Admin", "Admin"
    FINANCE = "Finance", "Finance"
    AUDITOR = "Auditor", "Auditor"
    VIEWER = "Viewer", "Viewer"


VIEW_DOCUMENTS = frozenset(
    {
        "parties.view_company",
        "parties.view_bankaccount",
        "parties.view_customer",
        "currencies.view_exchangerate",
        "invoices.view_invoice",
        "invoices.view_invoiceline",
        "invoices.view_recurringinvoice",
        "invoices.view_recurringinvoiceline",
        "payments.view_payment",
        "credits.view_creditnote",
        "payments.view_receipt",
        "payments.view_accountentry",
        "portal.view_invoicelink",
        "notifications.view_message",
        "notifications.view_mailsettings",
        "notifications.view_mailtemplate",
        "notifications.view_preference",
        "imports.view_importfile",
    }
)
KEEP_BOOKS = frozenset(
    {
        "parties.add_customer",
        "parties.change_customer",
        "parties.delete_customer",
        "currencies.add_exchangerate",
        "invoices.add_invoice",
        "invoices.change_invoice",
        "invoices.delete_invoice",
        "invoices.issue_invoice",
        "invoices.cancel_invoice",
        "invoices.add_invoiceline",
        "invoices.change_invoiceline",
        "invoices.delete_invoiceline",
        "invoices.add_recurringinvoice",
        "invoices.change_recurringinvoice",
        "invoices.delete_recurringinvoice",
        "invoices.add_recurringinvoiceline",
        "invoices.change_recurringinvoiceline",
        "invoices.delete_recurringinvoiceline",
        "payments.add_payment",
        "payments.refund_payment",
        "payments.reverse_payment",
        "credits.add_creditnote",
        "payments.allocate_credit",
        "payments.refund_credit",
        "payments.write_off",
        "portal.add_invoicelink",
        "portal.change_invoicelink",
        "notifications.send_message",
        "notifications.change_preference",
        "imports.add_importfile",
        "imports.change_importfile",
    }
)
READ_THE_RECORD = frozenset({"audit.view_change", "accounts.view_user", "accounts.view_membership"})
RUN_THE_COMPANY = frozenset(
    {
        "parties.add_company",
        "parties.change_company",
        "notifications.add_mailsettings",
        "notifications.change_mailsettings",
        "notifications.add_mailtemplate",
        "notifications.change_mailtemplate",
        "notifications.delete_mailtemplate",
        "parties.add_bankaccount",
        "parties.change_bankaccount",
        "parties.delete_bankaccount",
        "accounts.add_user",
        "accounts.change_user",
        "accounts.add_membership",
        "accounts.change_membership",
        "accounts.delete_membership",
    }
)

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.ADMIN: VIEW_DOCUMENTS | KEEP_BOOKS | READ_THE_RECORD | RUN_THE_COMPANY,
    Role.FINANCE: VIEW_DOCUMENTS | KEEP_BOOKS,
    Role.AUDITOR: VIEW_DOCUMENTS | READ_THE_RECORD,
    Role.VIEWER: VIEW_DOCUMENTS,
}


def allows(role: str, permission: str) -> bool:
    """Whether `role` carries `permission` ("app.codename"). An unknown role carries none."""
    return permission in PERMISSIONS.get(role, frozenset())


def allows_module(role: str, room: str) -> bool:
    """Whether `role` carries any permission of `room` (an app label)."""
    return any(permission.startswith(f"{room}.") for permission in PERMISSIONS.get(role, frozenset()))


def leading_role(roles: set[str]) -> str | None:
    """The first of Admin, Finance, Auditor, Viewer that is among `roles`."""
    return next((role.value for role in Role if role.value in roles), None)
