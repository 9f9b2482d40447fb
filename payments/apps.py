"""The payments room: money received, as ledger entries that are never changed."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """The ledger of each invoice."""

    name = "payments"

    def ready(self) -> None:
        """Let verify_books prove the ledger and the credit of customers, and invoices offer what is done with it."""
        from invoices.selectors import offer_action
        from payments.accounts.books import register_checks as register_checks_of_accounts
        from payments.accounts.selectors import HAS_CREDIT, obstacle_to_allocating, obstacle_to_writing_off
        from payments.books import register_checks

        register_checks()
        register_checks_of_accounts()
        offer_action("allocate", obstacle_to_allocating, has_credit=HAS_CREDIT)
        offer_action("writeOff", obstacle_to_writing_off)
