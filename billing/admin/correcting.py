"""
The page on which staff correct one invoice: credit it, issue it anew, make it void, or write it off.

Each act has its own form and calls the function of its name; what refuses says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import messages
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .. import clock, credit_parts, crediting, exchange, reissuing, voiding, writing_off
from ..credit_parts import Left
from ..models import CreditReason, Invoice, TaxTreatment, User
from ..money import Money, decimal, exponent
from ..written import amount
from .forms import whole

if TYPE_CHECKING:
    from django.http import HttpRequest

REFUSALS: dict[type[Exception], Promise] = {
    crediting.NotCreditable: _("Only an open or paid invoice is credited; reverse its write-off first."),
    crediting.NothingToCredit: _("That is a credit of nothing."),
    crediting.AboveLimit: _("That is more than you may credit; ask a billing lead."),
    credit_parts.MoreThanIsLeft: _("That is more than is left of the invoice, or of a line."),
    reissuing.AlreadyCredited: _("Part of it is credited already; credit the rest instead."),
    reissuing.PaymentUnderWay: _("A payment is under way; wait until it is decided."),
    exchange.RateMissing: _("No exchange rate of the last seven days is known for its tax; enter one first."),
    voiding.NotOpen: _("Only an open invoice can be made void."),
    voiding.AlreadySent: _("Somebody has seen it, or may have; credit it instead."),
    writing_off.NothingToWriteOff: _("Only an open invoice is written off."),
    writing_off.MoneyMayCome: _("A payment is under way; wait until it is decided."),
    writing_off.AlreadyAsked: _("A write-off of it waits already."),
}


class AmountField(forms.DecimalField):
    """An amount as people write it, in the currency of the invoice, as minor units."""

    def __init__(self, currency: str, **about: Any) -> None:
        super().__init__(min_value=0, **about)
        self.currency = currency

    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        return None if number is None else whole(number, number.scaleb(exponent(self.currency)))


class CreditForm(forms.Form):
    """How much to credit: everything, an amount with tax, or amounts without tax by line."""

    reason = forms.ChoiceField(label=_("Reason"), choices=[("", "---"), *CreditReason.choices])
    note = forms.CharField(label=_("Note on the credit note"), max_length=200, required=False)
    all_of_it = forms.BooleanField(label=_("All that is left"), required=False)

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoice = invoice
        self.rows = credit_parts.left(invoice)
        self.fields["amount"] = AmountField(invoice.currency, label=_("Or an amount, with tax"), required=False)
        for row in self.rows:
            label = _("Or of “%(line)s”, without tax") % {"line": row.line}
            left = amount(Money(row.net, invoice.currency))
            help_text = _("%(amount)s is left") % {"amount": left}
            self.fields[_name(row)] = AmountField(invoice.currency, label=label, help_text=help_text, required=False)

    def by_line(self) -> dict[int, int]:
        return {row.line.pk: net for row in self.rows if (net := self.cleaned_data.get(_name(row)))}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        ways = [cleaned.get("all_of_it"), cleaned.get("amount"), bool(self.by_line())]
        if not self.errors and sum(map(bool, ways)) != 1:
            raise forms.ValidationError(_("Choose one: all that is left, an amount, or amounts by line."))
        return cleaned

    def act(self, *, by: User) -> Promise | str:
        about: dict[str, Any] = {
            "reason": CreditReason(self.cleaned_data["reason"]),
            "note": self.cleaned_data["note"],
            "by": by,
            "at": clock.now(),
        }
        if self.cleaned_data["all_of_it"]:
            note = crediting.credit_whole(self.invoice, **about)
        elif self.cleaned_data["amount"]:
            note = crediting.credit_amount(self.invoice, self.cleaned_data["amount"], **about)
        else:
            note = crediting.credit_lines(self.invoice, self.by_line(), **about)
        return _("Credit note %(number)s of %(amount)s was issued.") % {
            "number": note.number,
            "amount": amount(note.total_money),
        }


class ReissueForm(forms.Form):
    """What each line should have been."""

    note = forms.CharField(label=_("Note on the credit note"), max_length=200, required=False)

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoice = invoice
        self.rows = credit_parts.left(invoice)
        for row in self.rows:
            line = row.line
            price = decimal(Money(line.unit_price, invoice.currency))
            label = _("Price of “%(line)s”, without tax") % {"line": line}
            self.fields[_name(row)] = AmountField(invoice.currency, label=label, initial=price)
            self.fields[f"{_name(row)}_tax"] = forms.ChoiceField(
                label=_("Its tax"), choices=TaxTreatment.choices, initial=line.tax_treatment
            )
            self.fields[f"{_name(row)}_rate"] = forms.DecimalField(
                label=_("Its rate, per cent"), min_value=0, max_value=100, initial=line.tax_rate / 10_000
            )

    def corrections(self) -> dict[int, reissuing.Corrected]:
        return {
            row.line.pk: reissuing.Corrected(
                self.cleaned_data[_name(row)],
                TaxTreatment(self.cleaned_data[f"{_name(row)}_tax"]),
                int(self.cleaned_data[f"{_name(row)}_rate"] * 10_000),
            )
            for row in self.rows
        }

    def act(self, *, by: User) -> Promise | str:
        note, new = reissuing.correct_and_reissue(
            self.invoice, self.corrections(), by=by, at=clock.now(), note=self.cleaned_data["note"]
        )
        return _("Credit note %(number)s was issued, and invoice %(invoice)s in its place.") % {
            "number": note.number,
            "invoice": new,
        }


class _WhyForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoice = invoice


class VoidForm(_WhyForm):
    """Why an invoice that nobody has seen is taken back."""

    def act(self, *, by: User) -> Promise | str:
        invoice = voiding.void(self.invoice, reason=self.cleaned_data["reason"], by=by, at=clock.now())
        return _("Invoice %(invoice)s is void.") % {"invoice": invoice}


class WriteOffForm(_WhyForm):
    """Why an invoice will not be paid."""

    def act(self, *, by: User) -> Promise | str:
        write_off = writing_off.request(self.invoice, reason=self.cleaned_data["reason"], by=by, at=clock.now())
        if write_off.approved_at is None:
            return _("Another person has to approve it: it is above the limit.")
        return _("Invoice %(invoice)s is written off.") % {"invoice": self.invoice}


def _name(row: Left) -> str:
    return f"line_{row.line.pk}"


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that can be done to an invoice, and who may."""

    name: str
    title: str | Promise
    explained: str | Promise
    permission: str
    form: Callable[..., Any]


ACTS = (
    Act(
        "credit",
        _("Credit"),
        _("Issues a credit note; it is mailed. It pays the invoice first, and the rest is credit."),
        "billing.add_creditnote",
        CreditForm,
    ),
    Act(
        "reissue",
        _("Correct and issue anew"),
        _("Credits all of it and issues a new invoice, with at least 14 days to pay and today's details."),
        "billing.add_creditnote",
        ReissueForm,
    ),
    Act(
        "void",
        _("Make void"),
        _("Only while nobody can have seen it. Its number stays used."),
        "billing.change_invoice",
        VoidForm,
    ),
    Act(
        "write_off",
        _("Write off"),
        _("It is no longer asked for; what it has stopped stays stopped. Above a limit another person approves."),
        "billing.add_writeoff",
        WriteOffForm,
    ),
)


def allowed(request: HttpRequest) -> list[Act]:
    return [act for act in ACTS if request.user.has_perm(act.permission)]


def do(form: Any, request: HttpRequest) -> bool:
    """Act and say what became of it; a refusal is told, and ``False``."""
    try:
        messages.success(request, form.act(by=cast("User", request.user)))
    except tuple(REFUSALS) as refusal:
        form.add_error(None, REFUSALS[type(refusal)])
        return False
    return True
