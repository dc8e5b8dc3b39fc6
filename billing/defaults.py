"""
Rows every installation starts with: two ladders, floors and staff groups, put back after a flush.

A group's permission to *change* what the admin never lets anyone edit (a payment, a
webhook) is the permission to run the acts on its list.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

from .models import Act, CollectionMethod, CurrencyFloor, DunningPolicy, DunningStep

IN_FORCE_SINCE = datetime(2020, 1, 1, tzinfo=UTC)

AFTER_THE_STOP = [(Act.CANCEL, 30, 0), (Act.DELETE, 90, 0)] + [(Act.DELETION_NOTICE, day, 1) for day in (60, 30, 7, 1)]

# (act, day, days the notice must be out), for each way of paying.
LADDERS = {
    CollectionMethod.CHARGE_AUTOMATICALLY: [
        *((Act.REMIND, day, 0) for day in (3, 7, 12, 18)),
        *((Act.CHARGE, day, 0) for day in (1, 3, 6, 9, 13, 20)),
        *((Act.CARD_EXPIRY, day, 0) for day in (30, 7)),
        (Act.WARN, 14, 7),
        (Act.SUSPEND, 21, 0),
        *AFTER_THE_STOP,
    ],
    CollectionMethod.SEND_INVOICE: [
        *((Act.NOTIFY, day, 0) for day in (-7, 0)),
        *((Act.REMIND, day, 0) for day in (3, 10)),
        (Act.WARN, 21, 14),
        (Act.SUSPEND, 35, 0),
        *AFTER_THE_STOP,
    ],
}

# In minor units, in the order of the names.
FLOOR_FIELDS = (
    "smallest_case",
    "smallest_suspension",
    "tolerance",
    "smallest_payment",
    "write_off_limit",
    "credit_limit",
)
FLOORS = {
    "EUR": (5_00, 25_00, 50, 5_00, 50_00, 100_00),
    "USD": (5_00, 25_00, 50, 5_00, 50_00, 100_00),
    "GBP": (5_00, 25_00, 50, 5_00, 50_00, 100_00),
    "JPY": (800, 4_000, 80, 800, 8_000, 16_000),
    "KWD": (1_500, 7_500, 150, 1_500, 15_000, 30_000),
}

# What staff may do, each group on top of the one before it.
SUPPORT_AGENT = (
    "view_user view_account view_membership view_contact view_seller view_plan view_subscription "
    "view_invoice view_invoiceline view_payment view_paymentmethod view_cardvisit view_settlement view_settlementline "
    "view_dunningcase view_dunningpolicy view_dunningstep view_event view_stafftask change_stafftask "
    "view_creditnote view_creditnoteline view_refund view_return view_dispute view_hold view_erasuredemand"
)
BILLING_AGENT = (
    f"{SUPPORT_AGENT} view_ledgerentry view_allocation view_numberseries view_currencyfloor view_gatewayevent "
    "view_writeoff add_hold change_hold view_exchangerate add_creditnote add_writeoff change_invoice add_exchangerate "
    "add_account change_account add_contact change_contact add_subscription change_subscription "
    "change_payment change_cardvisit change_gatewayevent add_refund change_refund add_return change_dispute"
)
BILLING_LEAD = (
    f"{BILLING_AGENT} add_user change_user add_membership change_membership delete_membership delete_contact "
    "change_creditnote change_writeoff "
    "add_seller change_seller add_plan change_plan add_currencyfloor change_currencyfloor"
)
EVERY_VIEW = ""
GROUPS = {
    "Support agent": SUPPORT_AGENT,
    "Billing agent": BILLING_AGENT,
    "Billing lead": BILLING_LEAD,
    "Auditor": EVERY_VIEW,
}


def install() -> None:
    """Add what is missing; what an operator has added or published since stays."""
    _install_dunning()
    grant("billing", GROUPS)


def grant(app_label: str, groups: dict[str, str]) -> None:
    """
    Give groups, made when they are missing, permissions of one app by codename.

    Django makes the permissions of an app after its ``post_migrate``, unless it is asked to before.
    """
    create_permissions(apps.get_app_config(app_label), verbosity=0)
    permissions = {row.codename: row for row in Permission.objects.filter(content_type__app_label=app_label)}
    views = " ".join(codename for codename in permissions if codename.startswith("view_"))
    for name, codenames in groups.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*(permissions[codename] for codename in (codenames or views).split()))


def _install_dunning() -> None:
    for method, steps in LADDERS.items():
        policy, created = DunningPolicy.objects.get_or_create(
            name=method, version=1, defaults={"collection_method": method, "published_at": IN_FORCE_SINCE}
        )
        if created:
            DunningStep.objects.bulk_create(
                DunningStep(policy=policy, act=act, day=day, lead_days=lead) for act, day, lead in steps
            )
    for currency, amounts in FLOORS.items():
        defaults = dict(zip(FLOOR_FIELDS, amounts, strict=True))
        CurrencyFloor.objects.get_or_create(currency=currency, defaults=defaults)
