"""Start a service: an account takes a plan, at the plan's price, from a first day on."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from .events import record
from .models import Account, Plan, Seller, Subscription, TaxTreatment
from .schedule import INVOICE_HOUR

# ISO 3166-1 codes of the VAT area of the European Union; Greece is GR here and EL in its VAT numbers.
EUROPEAN_UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"


@transaction.atomic
def subscribe(account: Account, plan: Plan, *, name: str, starts_on: date, at: datetime) -> Subscription:
    """
    Give the account a service whose first period begins on ``starts_on``.

    Price, currency, tax rate and interval are copied from the plan: what the plan becomes
    later changes nothing here.
    """
    account = Account.objects.locked().get(pk=account.pk)
    service = Subscription.objects.create(
        account=account,
        plan=plan,
        seller=plan.seller,
        name=name,
        price=plan.price,
        currency=plan.currency,
        tax_rate=plan.tax_rate,
        tax_treatment=tax_treatment(plan.seller, account),
        interval=plan.interval,
        anchor_day=starts_on.day,
        started_on=starts_on,
        next_period_on=starts_on,
        next_invoice_at=account.moment(starts_on, INVOICE_HOUR),
    )
    record("service.started", at=at, account=account, subscription=service, starts_on=starts_on.isoformat())
    return service


# What follows from where both are; the others are a decision of staff.
DERIVED = (TaxTreatment.STANDARD, TaxTreatment.REVERSE_CHARGE, TaxTreatment.OUTSIDE_SCOPE)


def current_treatment(service: Subscription) -> TaxTreatment:
    """Say how the service is taxed as seller and account are now; what staff made reduced or exempt stays so."""
    if service.tax_treatment in DERIVED:
        return tax_treatment(service.seller, service.account)
    return TaxTreatment(service.tax_treatment)


def tax_treatment(seller: Seller, account: Account) -> TaxTreatment:
    """
    Say how a service from the seller to the account, both businesses, is taxed.

    Across a border inside the European Union the tax is the buyer's to pay, if the
    buyer has a VAT number; a sale into or out of the Union is outside its scope.
    """
    if account.country == seller.country:
        return TaxTreatment.STANDARD
    if not {account.country, seller.country} <= set(EUROPEAN_UNION.split()):
        return TaxTreatment.OUTSIDE_SCOPE
    return TaxTreatment.REVERSE_CHARGE if account.vat_id else TaxTreatment.STANDARD
