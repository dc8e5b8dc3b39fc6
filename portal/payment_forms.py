"""What people send when they pay: what they saw, what they chose of it, and with which card."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.models import Invoice, PaymentMethod
from billing.money import parse
from billing.quotes import Choice, Offer
from billing.written import locale

from .layouts import plain
from .wording import card


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


class ChoiceForm(ConsentForm):
    """Which invoices to pay, and how much of them; ``choice`` in the cleaned data is what billing is asked for."""

    invoices = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, error_messages={"required": _("Select at least one invoice")}
    )
    amount = forms.CharField(label=_("Amount"), max_length=30, required=False)
    currency = forms.ChoiceField(label=_("Currency"), required=False)

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [*offer.due, *offer.coming]
        currencies = sorted({invoice.currency for invoice in offered})
        self.due = self._ticked(offer.due, initially=offer.due)
        self.coming = self._ticked(offer.coming, initially=[])
        if len(currencies) == 1:
            self.fields["amount"].label = _("Amount in %(currency)s") % {"currency": currencies[0]}
        self.fields["amount"].widget.attrs["inputmode"] = "decimal"
        invoices, currency = self.fields["invoices"], self.fields["currency"]
        assert isinstance(invoices, forms.MultipleChoiceField)
        assert isinstance(currency, forms.ChoiceField)
        invoices.choices = [(invoice.reference, str(invoice)) for invoice in offered]
        currency.choices = [(code, code) for code in currencies]
        currency.initial = currencies[0] if currencies else ""
        self.helper = plain(Layout("amount", *(["currency"] if len(currencies) > 1 else [])))

    def _ticked(self, invoices: list[Invoice], *, initially: list[Invoice]) -> list[tuple[Invoice, bool]]:
        """Return each invoice with whether its box is ticked: as it was sent, else as the page begins."""
        sent = self["invoices"].data if self.is_bound else [invoice.reference for invoice in initially]
        return [(invoice, invoice.reference in sent) for invoice in invoices]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            cleaned["choice"] = self._choice(cleaned)
        return cleaned

    def _choice(self, cleaned: dict[str, Any]) -> Choice:
        chosen = frozenset(cleaned["invoices"])
        if not cleaned["amount"]:
            return Choice(chosen)
        currency = cleaned["currency"] or self.fields["currency"].initial
        try:
            return Choice(chosen, parse(cleaned["amount"], currency, locale()))
        except ValueError:
            self.add_error("amount", ValidationError(_("Enter an amount, such as 50.00"), code="amount"))
            return Choice(chosen)
