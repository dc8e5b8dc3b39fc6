"""What people send, cleaned. A form checks input; what it sets off is one call into billing."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum.eu import vat

from billing.leaving import Tries
from billing.models import Account, PaymentMethod, User

from .wording import card, countries


class ConsentForm(forms.Form):
    """What the person saw: the digest of the quote on the page."""

    digest = forms.RegexField(regex=r"^[0-9a-f]{1,64}$", widget=forms.HiddenInput)


class CardForm(forms.Form):
    """Save a card and pay what was quoted, or only save it: whichever button was pressed."""

    SAVE_AND_PAY = "save_and_pay"
    SAVE_ONLY = "save_only"

    action = forms.ChoiceField(choices=[(SAVE_AND_PAY, ""), (SAVE_ONLY, "")])
    digest = forms.RegexField(regex=r"^[0-9a-f]{1,64}$", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("action") == self.SAVE_AND_PAY and not cleaned.get("digest"):
            raise ValidationError("what was consented to is missing", code="digest")
        return cleaned

    def pays(self) -> bool:
        return bool(self.cleaned_data["action"] == self.SAVE_AND_PAY)


class PayForm(forms.Form):
    """Which card to charge; with one card on file there is nothing to choose."""

    card = forms.ChoiceField(label=_("Pay with"), widget=forms.RadioSelect, required=False)

    def __init__(self, *args: Any, methods: list[PaymentMethod], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.methods = {method.reference: method for method in methods}
        self.default = methods[0]
        field = self.fields["card"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(method.reference, card(method)) for method in methods]
        field.initial = self.default.reference
        field.error_messages = {"invalid_choice": _("Choose a card that is on file")}
        self.helper = plain(Layout("card") if len(methods) > 1 else Layout())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["method"] = self.methods.get(cleaned.get("card", ""), self.default)
        return cleaned


class LeaveForm(forms.Form):
    """When a service is to be canceled, and what becomes of the tries for what is owed for it."""

    NOW = "now"
    PERIOD_END = "period_end"

    when = forms.ChoiceField(choices=[(NOW, ""), (PERIOD_END, "")])
    tries = forms.ChoiceField(choices=[(each.value, "") for each in Tries], required=False)

    def chosen_tries(self) -> Tries:
        return Tries(self.cleaned_data["tries"] or Tries.GO_ON)


class InvoiceFilter(forms.Form):
    """Which invoices to list; anything unknown lists them all."""

    status = forms.ChoiceField(choices=[("open", ""), ("overdue", ""), ("paid", "")], required=False)

    def chosen(self) -> str:
        return str(self.cleaned_data["status"]) if self.is_valid() else ""


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """What stands on the account's next invoices."""

    class Meta:
        model = Account
        fields = (
            "legal_name",
            "street",
            "postal_code",
            "city",
            "country",
            "vat_id",
            "purchase_order_number",
            "language",
        )
        labels = {
            "legal_name": _("Legal name"),
            "street": _("Street and number"),
            "postal_code": _("Postal code"),
            "city": _("City"),
            "country": _("Country"),
            "vat_id": _("VAT number"),
            "purchase_order_number": _("Purchase order number"),
            "language": _("Language of invoices"),
        }
        help_texts = {
            "country": "",
            "vat_id": _("With its country code, for example NL123456789B01."),
            "purchase_order_number": _("We print it on your next invoices."),
        }
        error_messages = {
            "legal_name": {"required": _("Enter the legal name")},
            "country": {"required": _("Choose a country"), "invalid_choice": _("Choose a country")},
            "language": {"required": _("Choose a language"), "invalid_choice": _("Choose a language")},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"] = forms.ChoiceField(
            label=_("Country"),
            choices=countries,
            error_messages={"required": _("Choose a country"), "invalid_choice": _("Choose a country")},
        )
        for name, words in AUTOCOMPLETE.items():
            self.fields[name].widget.attrs["autocomplete"] = words
        self.helper = plain(Layout(*self.Meta.fields))

    def clean_vat_id(self) -> str:
        """Check the number's own checksum; whether it is registered is asked elsewhere."""
        number = "".join(str(self.cleaned_data["vat_id"]).upper().split())
        country = str(self.data.get("country", ""))
        if "vat_id" not in self.changed_data:
            return str(self.instance.vat_id)
        in_the_union = country.lower() in vat.MEMBER_STATES or number[:2].lower() in vat.MEMBER_STATES
        if number and in_the_union and not vat.is_valid(number):
            raise ValidationError(_("Check the VAT number: it is not a number that its country gives out"))
        return number

    def save(self, commit: bool = True) -> Account:  # noqa: FBT001, FBT002 - Django's signature
        if "vat_id" in self.changed_data:
            self.instance.vat_id_checked_at = None
        account: Account = super().save(commit)
        return account


AUTOCOMPLETE = {
    "legal_name": "organization",
    "street": "street-address",
    "postal_code": "postal-code",
    "city": "address-level2",
    "country": "country",
}


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a person is named, and in which language pages and mails reach them."""

    class Meta:
        model = User
        fields = ("name", "language")
        labels = {"name": _("Your name"), "language": _("Your language")}
        help_texts = {"language": _("For these pages and for our e-mails to you.")}
        error_messages = {"language": {"required": _("Choose a language"), "invalid_choice": _("Choose a language")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "id_person_%s"
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        self.helper = plain(Layout("name", "language"))


def plain(layout: Layout) -> FormHelper:
    """Lay out fields only: the page writes the form element, its buttons and the error summary."""
    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    helper.form_show_errors = True
    helper.layout = layout
    return helper
