"""The forms of the admin's pages of documents: the draft, and the lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin
from django.forms.formsets import DELETION_FIELD_NAME
from django.http import HttpRequest

from audit.conflicts import NOTHING, Difference, differences_of
from core.admin import CommandForm, ExactField, PercentageField, RateField, refusal_of, refusal_text
from core.errors import DomainError
from core.money import ZERO, currency_codes, grouped_money, plain_text
from core.widgets import dress_fields
from invoices.models import InvoiceLine
from invoices.services import MAXIMUM_LINES, Item
from invoices.totals import VatCategory
from parties.models import Company

FORM_NAMES = {"qty": "quantity"}
DISCOUNT_FIELDS = ("discount_percent", "discount_amount")


class InvoiceForm(CommandForm):
    """What is typed about a draft. What is left empty on a new one takes the company's default."""

    currency = forms.ChoiceField(choices=[("", "The company's own"), *((code, code) for code in currency_codes())])
    discount_percent = PercentageField(
        decimals=4, required=False, label="Discount, %", help_text="Of the whole document. 10 is 10 %."
    )
    discount_amount = ExactField(
        decimals=4,
        required=False,
        label="Discount, amount",
        help_text="Instead of a percentage. Gross where prices include VAT.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        leave_zero_discounts_empty(self)
        if self.instance.pk is None:
            for name, default in (
                ("issue_date", "Today, where left empty."),
                ("due_date", "After the company's payment days, where left empty."),
                ("currency", ""),
            ):
                self.fields[name].required = False
                self.fields[name].help_text = default
        else:
            self.fields["currency"].choices = self.fields["currency"].choices[1:]


class LineForm(forms.ModelForm):
    """What is typed about one line."""

    description = forms.CharField(max_length=1000, widget=forms.TextInput(attrs={"class": "description"}))
    quantity = ExactField(decimals=6)
    unit_price = ExactField(decimals=6)
    discount_percent = PercentageField(decimals=4, required=False, label="Discount, %")
    discount_amount = ExactField(decimals=4, required=False, label="Discount, amount")
    vat_rate = RateField(
        decimals=4,
        required=False,
        label="VAT rate",
        widget=forms.TextInput(attrs={"list": "vat-rates"}),
        help_text="15 % or 0.15. Empty: the company's.",
    )
    vat_category = forms.ChoiceField(
        required=False,
        label="VAT category",
        choices=[("", "by rate"), *VatCategory.choices],
        help_text="By rate: S above 0; otherwise Z, or O for a company without a VAT number.",
    )

    class Meta:
        model = InvoiceLine
        fields = (
            "description",
            "quantity",
            "unit_price",
            "discount_percent",
            "discount_amount",
            "vat_rate",
            "vat_category",
        )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        dress_fields(self)
        leave_zero_discounts_empty(self)
        self.leave_usual_category_empty()

    def leave_usual_category_empty(self) -> None:
        """The category that the rate stands for needs no choice."""
        line = self.instance
        if line.pk is not None and line.vat_category == category_by_rate(line, line.invoice.company):
            self.initial["vat_category"] = ""

    @property
    def stored_amount(self) -> str:
        """What the line comes to as it is stored: gross where prices include VAT."""
        line = self.instance
        if line.pk is None or not isinstance(line, InvoiceLine):
            return ""
        return grouped_money(line.line_total if line.line_gross is None else line.line_gross, line.currency)

    def _post_clean(self) -> None:
        """Leave the line as it is stored: the service judges the values."""


class LineFormSet(forms.BaseInlineFormSet):
    """The lines of a document as they are typed.

    The first forms are about lines that were there when the page was opened. Some of them may have been deleted since:
    what was typed about those is kept, and they are new lines if the form is saved all the same.
    """

    refusal: DomainError | None = None

    @cached_property
    def stored_lines(self) -> dict[int, Any]:
        """The lines that there are now, by id."""
        return {line.pk: line for line in self.instance.lines.all()} if self.instance.pk else {}

    def get_queryset(self) -> list[Any]:
        """One line for each of the first forms; an empty one stands for a line that is gone."""
        if not self.is_bound:
            return list(self.stored_lines.values())
        return [self._existing_object(self._posted_id(index)) or self.model() for index in self._opened_with]

    def add_fields(self, form: Any, index: int | None) -> None:
        """As in any formset, but the id of a line that is gone is no error."""
        super().add_fields(form, index)
        initial = form.fields["id"].initial
        form.fields["id"] = forms.IntegerField(initial=initial, required=False, widget=forms.HiddenInput)

    def clean(self) -> None:
        """Show the service's refusal beside the line and the field that it names."""
        refused = self.refusal.field if self.refusal else None
        if self.refusal is None or not (refused or "").startswith("items"):
            return
        _, position, name = [*(refused or "").split("."), "", ""][:3]
        billed = list(self.billed_forms())
        if not position.isdigit() or int(position) >= len(billed):
            raise forms.ValidationError(refusal_text(self.refusal))
        form = billed[int(position)]
        field = FORM_NAMES.get(name, name)
        form.add_error(field if field in form.fields and field != "id" else None, refusal_text(self.refusal))

    def billed_forms(self) -> Iterable[Any]:
        """The forms that say something and are not to be deleted, in their order."""
        for index, form in enumerate(self.forms):
            deleted = getattr(form, "cleaned_data", {}).get(DELETION_FIELD_NAME)
            if not deleted and (index < self.initial_form_count() or form.has_changed()):
                yield form

    def differences(self) -> Iterator[Difference]:
        """The lines as they are typed, where they are not the lines that are stored now."""
        named = set()
        for index, form in enumerate(self.forms):
            prefix = f"Line {index + 1}, "
            named.add(form.instance.pk)
            deleted = getattr(form, "cleaned_data", {}).get(DELETION_FIELD_NAME)
            if form.instance.pk is None:
                if form.has_changed():
                    note = "Deleted meanwhile: saved as a new line." if index < self.initial_form_count() else ""
                    yield Difference(prefix + "new", _typed_line(form), NOTHING, note)
            elif deleted:
                yield Difference(prefix + "deleted", NOTHING, _stored_line(form.instance))
            else:
                yield from differences_of(form, prefix=prefix)
        for pk, line in self.stored_lines.items():
            if pk not in named:
                yield Difference("A line added meanwhile", NOTHING, _stored_line(line), "Saving yours takes it away.")

    def items(self) -> list[Item]:
        """The lines as the service takes them."""
        return [self._item(form) for form in self.billed_forms()]

    def _item(self, form: Any) -> Item:
        typed = form.cleaned_data
        return Item(
            description=typed["description"],
            quantity=typed["quantity"],
            unit_price=typed["unit_price"],
            vat_rate=typed["vat_rate"],
            vat_category=typed["vat_category"] or None,
            id=typed["id"] if typed["id"] in self.stored_lines else None,
            **discount_of(typed),
        )

    @property
    def _opened_with(self) -> range:
        return range(self.initial_form_count())

    def _existing_object(self, pk: Any) -> Any:
        return self.stored_lines.get(pk)

    def _posted_id(self, index: int) -> int | None:
        posted = self.data.get(f"{self.add_prefix(index)}-id", "")
        return int(posted) if posted.isascii() and posted.isdigit() else None


def _typed_line(form: Any) -> str:
    description, quantity, unit_price = (form[name].value() or "" for name in ("description", "quantity", "unit_price"))
    return f"{description}: {quantity} x {unit_price}"


def _stored_line(line: InvoiceLine) -> str:
    return f"{line.description}: {plain_text(line.quantity)} x {plain_text(line.unit_price)}"


class LineInline(admin.TabularInline):
    """The lines of a draft. They belong to the invoice's form: whoever may change the one may change the others."""

    model = InvoiceLine
    form = LineForm
    formset = LineFormSet
    template = "invoices/admin/lines.html"
    fields = (
        "description",
        "quantity",
        "unit_price",
        "discount_percent",
        "discount_amount",
        "vat_rate",
        "vat_category",
    )
    verbose_name = "line"
    max_num = MAXIMUM_LINES
    extra = 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> type[Any]:
        """The formset of this request: it knows what was refused."""
        formset = super().get_formset(request, obj, **options)
        formset.refusal = refusal_of(request)
        return formset

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may bill at all, or bill here."""
        return self._may(request, "add", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may change lines here."""
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may delete lines here."""
        return self._may(request, "delete", obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the reader may see lines here."""
        return self._may(request, "view", obj)

    def _may(self, request: HttpRequest, verb: str, obj: Any) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{verb}_{self.opts.model_name}", obj)


def lines_of(formsets: Sequence[LineFormSet]) -> list[Any]:
    """The lines that were typed."""
    return [item for formset in formsets for item in formset.items()]


def category_by_rate(line: InvoiceLine, company: Company) -> str:
    """The category that the line's rate stands for where none is named."""
    if line.vat_rate > 0:
        return VatCategory.STANDARD
    return VatCategory.ZERO if company.vat_number else VatCategory.NOT_SUBJECT


def draft_values(invoice_values: dict[str, Any]) -> dict[str, Any]:
    """What the services of drafts take of the form: the customer by id."""
    values = dict(invoice_values)
    return {"customer_id": values.pop("customer").pk, **values, **discount_of(values)}


def discount_of(values: Mapping[str, Any]) -> dict[str, Decimal]:
    """The discount that was typed; what is left empty is none."""
    return {name: values[name] or ZERO for name in DISCOUNT_FIELDS}


def leave_zero_discounts_empty(form: forms.BaseForm) -> None:
    """No discount is an empty field, not a zero."""
    for name in DISCOUNT_FIELDS:
        form.initial[name] = form.initial.get(name) or None
