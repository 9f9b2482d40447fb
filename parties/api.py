"""Companies and customers over REST. Founding a company gives a role in it, so that is in the accounts room."""

from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fields import Base64Field, ExactDecimalField, MetadataField, TextField
from core.api.serializers import CamelCaseSerializer
from core.api.viewsets import ScopedViewSet
from core.text import EXTERNAL_ID_LENGTH, comparison_key
from parties.models import BankAccount, Company, Customer, Language, Paper, VatRounding
from parties.selectors import bank_accounts_of, companies_of, company_for, customers_of
from parties.services import (
    create_bank_account,
    create_customer,
    delete_bank_account,
    delete_customer,
    move_period_lock,
    update_bank_account,
    update_company,
    update_customer,
)


class PartySerializer(CamelCaseSerializer):
    """The details that an invoice says of a party."""

    name = TextField(max_length=200)
    vat_number = TextField(max_length=30, required=False, allow_blank=True)
    email = TextField(max_length=254, required=False, allow_blank=True)
    phone = TextField(max_length=40, required=False, allow_blank=True)
    address_line_1 = TextField(max_length=200, required=False, allow_blank=True)
    address_line_2 = TextField(max_length=200, required=False, allow_blank=True)
    city = TextField(max_length=100, required=False, allow_blank=True)
    postal_code = TextField(max_length=20, required=False, allow_blank=True)
    country_code = TextField(max_length=2, required=False, allow_blank=True, help_text="ISO 3166-1, two letters.")


class CompanySerializer(PartySerializer):
    """A company that bills."""

    id = serializers.IntegerField(read_only=True)
    registration_number = TextField(max_length=50)
    currency = TextField(max_length=3, help_text="ISO 4217.")
    time_zone = TextField(max_length=50)
    default_vat_rate = ExactDecimalField(decimals=4)
    payment_days = serializers.IntegerField()
    vat_rounding = serializers.ChoiceField(VatRounding.choices)
    language = serializers.ChoiceField(Language.choices, source="print_settings.language")
    paper = serializers.ChoiceField(Paper.choices, source="print_settings.paper")
    colour = TextField(max_length=7, source="print_settings.colour")
    footer = TextField(max_length=500, source="print_settings.footer")
    logo_sha256 = TextField(max_length=64, source="print_settings.logoSha256", help_text="Empty without a logo.")
    locked_through = serializers.DateField(allow_null=True)
    version = serializers.IntegerField(read_only=True)


class NewCompanySerializer(PartySerializer):
    """A new company."""

    currency = TextField(max_length=3, help_text="ISO 4217.")
    registration_number = TextField(max_length=50, required=False, allow_blank=True)
    time_zone = TextField(max_length=50, required=False, help_text="IANA name; UTC where absent.")
    default_vat_rate = ExactDecimalField(decimals=4, required=False, help_text="A fraction: 0.15 is 15 %.")
    payment_days = serializers.IntegerField(min_value=0, max_value=3650, required=False)
    vat_rounding = serializers.ChoiceField(VatRounding.choices, required=False)
    language = serializers.ChoiceField(Language.choices, required=False, help_text="Of documents; en where absent.")
    paper = serializers.ChoiceField(Paper.choices, required=False, help_text="a4 where absent.")
    colour = TextField(max_length=7, required=False, allow_blank=True, help_text="Of headings, as #RRGGBB.")
    footer = TextField(max_length=500, required=False, allow_blank=True, help_text="At the foot of each page.")


class CompanyChangeSerializer(NewCompanySerializer):
    """What is to change of a company, and the version it was read in."""

    name = TextField(max_length=200, required=False)
    currency = TextField(max_length=3, required=False, help_text="ISO 4217.")
    logo = Base64Field(
        required=False, allow_null=True, help_text="A PNG or JPEG of up to 256 KiB, in base64; null takes it away."
    )
    locked_through = serializers.DateField(
        required=False, allow_null=True, help_text="Nothing can be dated up to this day any more; null opens the books."
    )
    lock_reason = TextField(
        max_length=1000, required=False, allow_blank=True, help_text="Why lockedThrough moves: needed where it does."
    )
    version = serializers.IntegerField(required=False, min_value=1, help_text="Or If-Match; one of them is needed.")


class CustomerSerializer(PartySerializer):
    """A customer."""

    id = serializers.IntegerField(read_only=True)
    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    external_id = TextField(max_length=EXTERNAL_ID_LENGTH, required=False, allow_blank=True, allow_null=True)
    metadata = MetadataField(required=False)
    language = serializers.ChoiceField(
        Language.choices, required=False, allow_null=True, help_text="Of its documents; null: the company's."
    )
    archived = serializers.BooleanField(required=False, help_text="An archived customer gets no new invoices.")
    created_at = serializers.DateTimeField(read_only=True)
    version = serializers.IntegerField(read_only=True)


class CustomerChangeSerializer(PartySerializer):
    """What is to change of a customer, and the version it was read in."""

    name = TextField(max_length=200, required=False)
    external_id = TextField(max_length=EXTERNAL_ID_LENGTH, required=False, allow_blank=True, allow_null=True)
    metadata = MetadataField(required=False)
    language = serializers.ChoiceField(Language.choices, required=False, allow_null=True)
    archived = serializers.BooleanField(required=False)
    version = serializers.IntegerField(required=False, min_value=1, help_text="Or If-Match; one of them is needed.")


class CustomerFilterSerializer(CamelCaseSerializer):
    """Filters of the list of customers."""

    company_id = serializers.IntegerField(required=False, source="company__id")
    external_id = TextField(max_length=EXTERNAL_ID_LENGTH, required=False)
    archived = serializers.BooleanField(required=False)
    search = TextField(max_length=200, required=False, help_text="Part of the name.")


class BankAccountSerializer(CamelCaseSerializer):
    """Where a company is paid in a currency: IBAN and BIC, or account number and branch code."""

    id = serializers.IntegerField(read_only=True)
    company_id = serializers.IntegerField(required=False, help_text="May be left out by a member of one company.")
    currency = TextField(max_length=3, help_text="ISO 4217; one account for each.")
    account_holder = TextField(
        max_length=200, required=False, allow_blank=True, help_text="The company's name where empty."
    )
    bank_name = TextField(max_length=200, required=False, allow_blank=True)
    iban = TextField(max_length=42, required=False, allow_blank=True, help_text="ISO 13616, spaces or not.")
    bic = TextField(max_length=11, required=False, allow_blank=True, help_text="ISO 9362.")
    account_number = TextField(max_length=34, required=False, allow_blank=True, help_text="Where there is no IBAN.")
    branch_code = TextField(max_length=20, required=False, allow_blank=True)
    version = serializers.IntegerField(read_only=True)


class BankAccountChangeSerializer(BankAccountSerializer):
    """What is to change of a bank account, and the version it was read in."""

    company_id = None  # type: ignore[assignment]  # how a serializer leaves out a field of its base
    currency = TextField(max_length=3, required=False)
    version = serializers.IntegerField(required=False, min_value=1, help_text="Or If-Match; one of them is needed.")


class BankAccountFilterSerializer(CamelCaseSerializer):
    """Filters of the list of bank accounts."""

    company_id = serializers.IntegerField(required=False, source="company__id")
    currency = TextField(max_length=3, required=False)


class BankAccountViewSet(ScopedViewSet):
    """Where your companies are paid."""

    required_permissions = {
        "list": "parties.view_bankaccount",
        "retrieve": "parties.view_bankaccount",
        "create": "parties.add_bankaccount",
        "partial_update": "parties.change_bankaccount",
        "destroy": "parties.delete_bankaccount",
    }
    serializer_class = BankAccountSerializer
    filter_serializers = {"list": BankAccountFilterSerializer}
    orderings = {"currency": "currency"}
    default_ordering = "currency"

    def visible(self) -> QuerySet[BankAccount]:
        """The accounts of the caller's companies."""
        return bank_accounts_of(self.caller)

    @extend_schema(operation_id="listBankAccounts", tags=["companies"], parameters=[BankAccountFilterSerializer])
    def list(self, request: Request) -> Response:
        """The bank accounts of your companies, one for each currency of a company."""
        self.require()
        return self.page(self.visible().filter(**self.filters()), BankAccountSerializer)

    @extend_schema(operation_id="createBankAccount", tags=["companies"], responses={201: BankAccountSerializer})
    def create(self, request: Request) -> Response:
        """Say where a company is paid in a currency: on the documents issued from now on."""
        company = self.company_of_body(company_for)
        data = self.body()
        data.pop("company_id", None)

        def command() -> Response:
            account = create_bank_account(actor=self.caller, company_id=company.pk, **data)
            location = reverse("bank-account", args=[account.pk])
            return self.document(BankAccountSerializer.represent(account), status=201, location=location)

        return self.once(company.pk, command)

    @extend_schema(operation_id="getBankAccount", tags=["companies"])
    def retrieve(self, request: Request, id: int) -> Response:
        """One bank account, with the version to name when changing it."""
        return self.document(BankAccountSerializer.represent(self.scoped_object()))

    @extend_schema(operation_id="updateBankAccount", tags=["companies"], request=BankAccountChangeSerializer)
    def partial_update(self, request: Request, id: int) -> Response:
        """Change a bank account. Issued documents keep the account they were issued with."""
        account = self.scoped_object()
        data = self.body(BankAccountChangeSerializer)
        version = self.stated_version(data.pop("version", None), required=True)

        def command() -> Response:
            updated = update_bank_account(actor=self.caller, bank_account_id=account.pk, version=version, **data)
            return self.document(BankAccountSerializer.represent(updated))

        return self.once(account.company_id, command)

    @extend_schema(
        operation_id="deleteBankAccount",
        tags=["companies"],
        parameters=[OpenApiParameter("version", int, description="The version that you read.")],
        responses={204: None},
    )
    def destroy(self, request: Request, id: int) -> Response:
        """Take a bank account off the documents to come."""
        account = self.scoped_object()
        version = self.stated_version(self.query_version(), required=False)

        def command() -> Response:
            delete_bank_account(actor=self.caller, bank_account_id=account.pk, version=version)
            return Response(status=204)

        return self.once(account.company_id, command)


class CompanyViewSet(ScopedViewSet):
    """The companies you belong to."""

    required_permissions = {
        "list": "parties.view_company",
        "retrieve": "parties.view_company",
        "partial_update": "parties.change_company",
    }
    serializer_class = CompanySerializer
    orderings = {"name": "name"}
    default_ordering = "name"

    def visible(self) -> QuerySet[Company]:
        """The caller's companies."""
        return companies_of(self.caller)

    @extend_schema(operation_id="listCompanies", tags=["companies"])
    def list(self, request: Request) -> Response:
        """The companies you belong to, by name."""
        self.require()
        self.filters()
        return self.page(self.visible(), CompanySerializer)

    @extend_schema(operation_id="getCompany", tags=["companies"])
    def retrieve(self, request: Request, id: int) -> Response:
        """One company: its details, currency, VAT settings and period lock."""
        return self.document(CompanySerializer.represent(self.scoped_object()))

    @extend_schema(operation_id="updateCompany", tags=["companies"], request=CompanyChangeSerializer)
    def partial_update(self, request: Request, id: int) -> Response:
        """Change a company. Moving the period lock needs a reason, and is a version of its own."""
        company = self.scoped_object()
        data = self.body(CompanyChangeSerializer)
        version = self.stated_version(data.pop("version", None), required=True)
        reason = data.pop("lock_reason", "")
        locked_through = data.pop("locked_through", company.locked_through)
        if locked_through != company.locked_through and not reason:
            raise serializers.ValidationError({"lockReason": ["Say why the lock moves."]}, code="required")

        def command() -> Response:
            updated = self.change(company, version, data, locked_through, reason)
            return self.document(CompanySerializer.represent(updated))

        return self.once(company.pk, command)

    def change(
        self, company: Company, version: int | None, data: dict[str, Any], locked_through: date | None, reason: str
    ) -> Company:
        """The company with `data` and, where it moves, the period lock changed; both or neither."""
        if locked_through == company.locked_through:
            return update_company(actor=self.caller, company_id=company.pk, version=version, **data)
        with transaction.atomic():
            if data:
                version = update_company(actor=self.caller, company_id=company.pk, version=version, **data).version
            return move_period_lock(
                actor=self.caller,
                company_id=company.pk,
                locked_through=locked_through,
                reason=reason,
                version=version,
            )


class CustomerViewSet(ScopedViewSet):
    """The customers of your companies."""

    required_permissions = {
        "list": "parties.view_customer",
        "retrieve": "parties.view_customer",
        "create": "parties.add_customer",
        "partial_update": "parties.change_customer",
        "destroy": "parties.delete_customer",
    }
    serializer_class = CustomerSerializer
    filter_serializers = {"list": CustomerFilterSerializer}
    orderings = {"createdAt": "created_at", "name": "name"}

    def visible(self) -> QuerySet[Customer]:
        """The caller's customers."""
        return customers_of(self.caller)

    @extend_schema(operation_id="listCustomers", tags=["customers"], parameters=[CustomerFilterSerializer])
    def list(self, request: Request) -> Response:
        """The customers of your companies, newest first; archived ones too, unless filtered."""
        self.require()
        filters = self.filters()
        customers = self.visible()
        if "search" in filters:
            customers = customers.filter(search_text__contains=comparison_key(filters.pop("search")))
        return self.page(customers.filter(**filters), CustomerSerializer)

    @extend_schema(operation_id="createCustomer", tags=["customers"], responses={201: CustomerSerializer})
    def create(self, request: Request) -> Response:
        """Make a customer. Names need not be unique; externalId is, in a company."""
        company = self.company_of_body(company_for)
        data = self.body()
        data.pop("company_id", None)

        def command() -> Response:
            customer = create_customer(actor=self.caller, company=company, **data)
            location = reverse("customer", args=[customer.pk])
            return self.document(CustomerSerializer.represent(customer), status=201, location=location)

        return self.once(company.pk, command)

    @extend_schema(operation_id="getCustomer", tags=["customers"])
    def retrieve(self, request: Request, id: int) -> Response:
        """One customer, with the version to name when changing it."""
        return self.document(CustomerSerializer.represent(self.scoped_object()))

    @extend_schema(operation_id="updateCustomer", tags=["customers"], request=CustomerChangeSerializer)
    def partial_update(self, request: Request, id: int) -> Response:
        """Change a customer. Issued documents keep the details they were issued with."""
        customer = self.scoped_object()
        data = self.body(CustomerChangeSerializer)
        version = self.stated_version(data.pop("version", None), required=True)

        def command() -> Response:
            updated = update_customer(actor=self.caller, customer_id=customer.pk, version=version, **data)
            return self.document(CustomerSerializer.represent(updated))

        return self.once(customer.company_id, command)

    @extend_schema(
        operation_id="deleteCustomer",
        tags=["customers"],
        parameters=[OpenApiParameter("version", int, description="The version that you read.")],
        responses={204: None},
    )
    def destroy(self, request: Request, id: int) -> Response:
        """Delete a customer that no document names; archive the others."""
        customer = self.scoped_object()
        version = self.stated_version(self.query_version(), required=False)

        def command() -> Response:
            delete_customer(actor=self.caller, customer_id=customer.pk, version=version)
            return Response(status=204)

        return self.once(customer.company_id, command)
