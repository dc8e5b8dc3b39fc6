"""What people send, cleaned. A form checks input; what it sets off is one call into billing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum.eu import vat

from billing.asking_for_time import MOST_DAYS
from billing.leaving import Tries
from billing.models import Account, User

from .layouts import plain
from .wording import countries, long_date


class PromiseForm(forms.Form):
    """The day by which all that is owed will be paid."""

    day = forms.DateField(
        label=_("I will pay by"),
        error_messages={"required": _("Choose a day"), "invalid": _("Give a day such as 2026-11-30")},
    )

    def __init__(self, *args: Any, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.first = today + dt.timedelta(days=1)
        self.last = today + dt.timedelta(days=MOST_DAYS)
        limits = {"type": "date", "min": self.first.isoformat(), "max": self.last.isoformat()}
        field = self.fields["day"]
        field.widget = forms.DateInput(format="%Y-%m-%d", attrs=limits)
        words = {"first": long_date(self.first), "last": long_date(self.last)}
        field.help_text = _("From %(first)s to %(last)s.") % words
        self.helper = plain(Layout("day"))

    def clean_day(self) -> dt.date:
        day: dt.date = self.cleaned_data["day"]
        if not self.first <= day <= self.last:
            words = {"first": long_date(self.first), "last": long_date(self.last)}
            raise ValidationError(_("Choose a day from %(first)s to %(last)s") % words)
        return day


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
