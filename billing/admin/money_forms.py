"""What staff type about money that goes back."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..applying import Credit
from ..bank_refunds import InvalidIban, checked
from ..models import Dispute, Invoice, Payment, Refund
from ..money import Money, decimal, exponent
from .forms import whole

TO_CARD, BY_BANK, KEEP = "original", "bank", "credit"
WAYS = [
    (TO_CARD, _("to the card that paid")),
    (BY_BANK, _("by bank transfer, after a second person has approved it")),
    (KEEP, _("nowhere: it stays as credit for the next invoice")),
]


class AmountForm(forms.Form):
    """An amount in the row's currency, typed as people write it."""

    amount = forms.DecimalField(label=_("Amount"), min_value=0)

    def __init__(self, row: Any, data: Any = None) -> None:
        super().__init__(data, initial={"amount": decimal(Money(self.most(row), row.currency))})
        self.row = row
        self.fields["amount"].help_text = row.currency

    def most(self, row: Any) -> int:
        return int(row.amount)

    def clean_amount(self) -> int:
        typed = self.cleaned_data["amount"]
        return whole(typed, typed.scaleb(exponent(self.row.currency)))


class GiveBackForm(AmountForm):
    """How much of the credit goes back and where; ``seen`` is the credit as the page showed it."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    way = forms.ChoiceField(label=_("Goes"), choices=WAYS)
    reason = forms.CharField(label=_("Reason"), max_length=200)
    iban = forms.CharField(label="IBAN", max_length=42, required=False, help_text=_("only for a bank transfer"))
    account_holder = forms.CharField(label=_("Account holder"), max_length=70, required=False)

    def __init__(self, row: Credit, data: Any = None) -> None:
        super().__init__(row, data)
        self.initial["seen"] = row.unapplied

    def most(self, row: Credit) -> int:
        return row.unapplied

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("way") != BY_BANK:
            return cleaned
        try:
            checked(cleaned.get("iban", ""))
        except InvalidIban:
            self.add_error("iban", ValidationError(_("This is no valid IBAN.")))
        if not cleaned.get("account_holder", "").strip():
            self.add_error("account_holder", ValidationError(_("The bank needs the holder's name.")))
        return cleaned


class FreeForm(forms.Form):
    """Which invoice a payment is taken off and given back for."""

    invoice = forms.ModelChoiceField(Invoice.objects.none(), label=_("Invoice that is open again"))
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, row: Payment, data: Any = None) -> None:
        super().__init__(data)
        field = cast("forms.ModelChoiceField[Invoice]", self.fields["invoice"])
        field.queryset = Invoice.objects.filter(allocations__payment=row).distinct()


class ReturnForm(AmountForm):
    """What a bank took back."""

    reason_code = forms.CharField(label=_("Reason (ISO 20022)"), max_length=8, required=False)
    bank_reference = forms.CharField(label=_("Bank's reference"), max_length=100)


class PaidOutForm(forms.Form):
    bank_reference = forms.CharField(label=_("Bank's reference"), max_length=100)

    def __init__(self, _row: Refund, data: Any = None) -> None:
        super().__init__(data)


class AnswerForm(forms.Form):
    answer = forms.CharField(label=_("What shows that it was rightly paid"), widget=forms.Textarea)

    def __init__(self, _row: Dispute, data: Any = None) -> None:
        super().__init__(data)
