"""The company that owes, and the people who may act for it."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .. import clock
from . import references
from .lines import LineField
from .people import User

LONGEST_TERMS = 365


class CollectionMethod(models.TextChoices):
    CHARGE_AUTOMATICALLY = "charge_automatically", _("by card, automatically")
    SEND_INVOICE = "send_invoice", _("by bank transfer, from an invoice")


def validate_time_zone(name: str) -> None:
    """Refuse a name that no clock knows: nothing could be done for the account."""
    if name not in clock.zones():
        raise ValidationError(_("Give the name of a time zone, such as Europe/Amsterdam."))


class AccountQuerySet(models.QuerySet["Account"]):
    def locked(self) -> Self:
        """
        Lock the rows that ``get()`` or iteration then reads; the account row comes first of all locks.

        On SQLite the lock clause is dropped and the immediate transaction gives the same guarantee.
        """
        return self.select_for_update(no_key=True, of=("self",))


class Account(models.Model):
    """A company that buys subscriptions and owes what they cost."""

    reference = models.CharField(max_length=24, unique=True, default=references.account, editable=False)
    legal_name = LineField(_("legal name"), max_length=200)
    street = LineField(_("street and number"), max_length=200, blank=True)
    postal_code = LineField(_("postal code"), max_length=20, blank=True)
    city = LineField(_("city"), max_length=100, blank=True)
    country = models.CharField(_("country"), max_length=2, help_text=_("ISO 3166-1 alpha-2"))
    vat_id = models.CharField(_("VAT number"), max_length=20, blank=True)
    vat_id_checked_at = models.DateTimeField(_("VAT number checked"), null=True, blank=True)
    purchase_order_number = LineField(_("purchase-order number"), max_length=50, blank=True)
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES, default="en")
    time_zone = models.CharField(
        _("time zone"), max_length=50, default="Europe/Amsterdam", validators=[validate_time_zone]
    )
    collection_method = models.CharField(
        _("pays"), max_length=24, choices=CollectionMethod, default=CollectionMethod.CHARGE_AUTOMATICALLY
    )
    terms_days = models.PositiveSmallIntegerField(
        _("terms in days"), default=0, validators=[MaxValueValidator(LONGEST_TERMS)]
    )
    policy_name = models.CharField(
        _("dunning policy"), max_length=50, blank=True, help_text=_("Empty: the policy of how the account pays.")
    )
    decide_before_suspension = models.BooleanField(_("a person must decide before suspension"), default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ["legal_name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(collection_method__in=CollectionMethod.values), name="account_pays_by_card_or_by_invoice"
            ),
            models.CheckConstraint(
                condition=Q(terms_days__gte=0, terms_days__lte=LONGEST_TERMS), name="account_pays_within_a_year"
            ),
        ]

    def __str__(self) -> str:
        return self.legal_name

    @property
    def pays_by_card(self) -> bool:
        return self.collection_method == CollectionMethod.CHARGE_AUTOMATICALLY

    def today(self, at: dt.datetime) -> dt.date:
        """Return the date on which ``at`` falls for this account."""
        return clock.local_date(at, self.time_zone)

    def moment(self, day: dt.date, hour: int) -> dt.datetime:
        """Return ``hour`` o'clock of ``day`` in this account's zone."""
        return clock.local_moment(day, hour, self.time_zone)

    def address_lines(self) -> list[str]:
        lines = [self.street, f"{self.postal_code} {self.city}".strip(), self.country]
        return [line for line in lines if line]


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator")
    PAYER = "payer", _("Payer")
    VIEWER = "viewer", _("Viewer")


class Membership(models.Model):
    """What one person may do for one account; a successor is named for when they are gone."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role)
    successor = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="successor_of", verbose_name=_("successor")
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "account"], name="membership_once_per_user_and_account"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_has_a_known_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.account}"

    @property
    def may_pay(self) -> bool:
        return self.role in (Role.ADMINISTRATOR, Role.PAYER)

    @property
    def may_manage(self) -> bool:
        return self.role == Role.ADMINISTRATOR


class ContactHealth(models.TextChoices):
    OK = "ok", _("reached")
    SOFT = "soft", _("delayed")
    HARD = "hard", _("bounced")
    COMPLAINED = "complained", _("complained")


def every_kind_of_mail() -> list[str]:
    return ["invoices", "payments", "reminders", "service"]


class Contact(models.Model):
    """A further recipient of an account's billing mail, who need not sign in."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="contacts")
    email = models.EmailField(_("email address"))
    name = LineField(_("name"), max_length=150, blank=True)
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES, default="en")
    kinds = models.JSONField(_("kinds of mail"), default=every_kind_of_mail)
    wants_pdf = models.BooleanField(_("attach the PDF"), default=True)
    wants_ubl = models.BooleanField(_("attach the UBL file"), default=False)
    health = models.CharField(_("health"), max_length=12, choices=ContactHealth, default=ContactHealth.OK)
    verified_at = models.DateTimeField(_("verified"), null=True, blank=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints = [
            models.UniqueConstraint(fields=["account", "email"], name="contact_once_per_account_and_address"),
        ]

    def __str__(self) -> str:
        return self.email
