"""What staff type, turned into what is stored: amounts in minor units, rates in parts per million."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from babel.core import Locale
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from stdnum import iban
from stdnum.exceptions import ValidationError as InvalidNumber

from .. import clock
from ..administrators import is_the_last_administrator
from ..models import Account, Contact, DunningPolicy, ExchangeRate, Membership, Plan, Seller, User
from ..models.accounts import every_kind_of_mail
from ..money import LARGEST_AMOUNT, PARTS_PER_MILLION, Money, decimal, exponent
from ..written import amount

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

PERCENT = PARTS_PER_MILLION // 100


def clean_country(code: str) -> str:
    """Return the ISO 3166-1 alpha-2 code in capitals; holidays and tax go by it."""
    code = code.upper()
    if len(code) != 2 or code not in Locale("en").territories:
        raise ValidationError(_("Give the country's code of two letters, such as NL."))
    return code


def clean_currency(code: str) -> str:
    code = code.upper()
    try:
        exponent(code)
    except ValueError:
        raise ValidationError(_("Give the currency's code of three letters, such as EUR.")) from None
    return code


def whole(number: Decimal, scaled: Decimal) -> int:
    # What is too small to be scaled at all becomes nothing.
    if scaled != int(scaled) or (number and not scaled):
        raise ValidationError(_("%(number)s has too many decimals."), params={"number": number})
    return int(scaled)


def minor_units(number: Decimal, currency: str) -> int:
    """Return a typed amount as it is stored; what is too large is refused before it is calculated with."""
    if number > LARGEST_AMOUNT or number.scaleb(exponent(currency)) > LARGEST_AMOUNT:
        most = amount(Money(LARGEST_AMOUNT, currency))
        raise ValidationError(_("An amount is at most %(most)s."), params={"most": most})
    return whole(number, number.scaleb(exponent(currency)))


class AmountsForm(ModelForm):
    """A form whose ``amounts`` are typed as people write them, in the currency beside them."""

    amounts: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & set(self.amounts):
            field = self.fields[name]
            help_text = field.help_text or _("for example 12.50")
            self.fields[name] = forms.DecimalField(label=field.label, min_value=0, help_text=help_text)
            if self.instance.pk:
                stored = Money(getattr(self.instance, name), self.instance.currency)
                self.initial[name] = decimal(stored)

    def clean_currency(self) -> str:
        return clean_currency(self.cleaned_data["currency"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        currency = cleaned.get("currency") or self.instance.currency
        for name in [name for name in self.amounts if name in cleaned and currency]:
            try:
                cleaned[name] = minor_units(cleaned[name], currency)
            except ValidationError as error:
                self.add_error(name, error)
        return cleaned


class FloorForm(AmountsForm):
    amounts = (
        "smallest_case",
        "smallest_suspension",
        "tolerance",
        "smallest_payment",
        "write_off_limit",
        "credit_limit",
    )


class RateForm(ModelForm):
    """A rate as it is published: 1.0876."""

    class Meta:
        model = ExchangeRate
        fields = ("on", "base", "quoted", "parts_per_million", "source")
        field_classes = {"parts_per_million": forms.DecimalField}
        help_texts = {"parts_per_million": _("as published, for example 1.0876")}

    def clean_base(self) -> str:
        return clean_currency(self.cleaned_data["base"])

    def clean_quoted(self) -> str:
        return clean_currency(self.cleaned_data["quoted"])

    def clean_parts_per_million(self) -> int:
        rate: Decimal = self.cleaned_data["parts_per_million"]
        return whole(rate, rate * PARTS_PER_MILLION)


class PlanForm(AmountsForm):
    amounts = ("price",)

    class Meta:
        model = Plan
        fields = ("seller", "name", "price", "currency", "tax_rate", "interval")
        field_classes = {"tax_rate": forms.DecimalField}
        help_texts = {"tax_rate": _("per cent"), "price": _("without tax, for example 12.50")}

    def clean_tax_rate(self) -> int:
        rate: Decimal = self.cleaned_data["tax_rate"]
        if rate > 100:
            raise ValidationError(_("A tax rate is at most 100 per cent."))
        return whole(rate, rate * PERCENT)


class SellerForm(ModelForm):
    class Meta:
        model = Seller
        fields = "__all__"

    def clean_country(self) -> str:
        return clean_country(self.cleaned_data["country"])

    def clean_currency(self) -> str:
        return clean_currency(self.cleaned_data["currency"])

    def clean_invoice_series(self) -> str:
        return str(self.cleaned_data["invoice_series"]).upper()

    def clean_iban(self) -> str:
        try:
            return str(iban.validate(self.cleaned_data["iban"]))
        except InvalidNumber:
            raise ValidationError(_("This is not an IBAN; look for a mistyped digit.")) from None


class PersonForm(ModelForm):
    class Meta:
        model = User
        fields = "__all__"
        widgets = {"groups": forms.CheckboxSelectMultiple}

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean_is_active(self) -> bool:
        is_active: bool = self.cleaned_data["is_active"]
        if not is_active and any(map(is_the_last_administrator, self.instance.memberships.all())):
            raise ValidationError(_("An account keeps at least one administrator."))
        return is_active


class AccountForm(ModelForm):
    time_zone = forms.ChoiceField(label=_("Time zone"), initial="Europe/Amsterdam")
    policy_name = forms.ChoiceField(label=_("Dunning policy"), required=False)

    class Meta:
        model = Account
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("time_zone", self._zones()), ("policy_name", self._policies())):
            if name in self.fields:
                self.fields[name].choices = choices  # type: ignore[attr-defined]

    @staticmethod
    def _zones() -> list[tuple[str, str]]:
        return [(zone, zone) for zone in sorted(clock.zones())]

    @staticmethod
    def _policies() -> list[tuple[str, Any]]:
        names = DunningPolicy.objects.order_by("name").values_list("name", flat=True).distinct()
        return [("", _("the policy of how the account pays")), *((name, name) for name in names)]

    def clean_country(self) -> str:
        return clean_country(self.cleaned_data["country"])


class ContactForm(ModelForm):
    kinds = forms.MultipleChoiceField(
        label=_("Kinds of mail"),
        choices=[
            ("invoices", _("invoices")),
            ("payments", _("payments")),
            ("reminders", _("reminders")),
            ("service", _("services")),
        ],
        initial=every_kind_of_mail,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Contact
        fields = "__all__"


class MembershipForm(ModelForm):
    class Meta:
        model = Membership
        fields = "__all__"

    def clean_role(self) -> str:
        role: str = self.cleaned_data["role"]
        if self.instance.pk and role != self.instance.role and is_the_last_administrator(self.instance):
            raise ValidationError(_("An account keeps at least one administrator."))
        return role
