"""The ladder that debt climbs, as versioned data, and where each account stands on it."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..schedule import Ladder
from ..states import CASE_TRANSITIONS, CaseState
from .accounts import Account, CollectionMethod
from .invoices import Invoice
from .sellers import Seller
from .stateful import Stateful


class LostDispute(models.TextChoices):
    """What becomes of a debt whose payment the card's holder has won back."""

    COLLECT = "collect", _("ask for it again")
    WRITE_OFF = "write_off", _("propose to write it off")


class DunningPolicyQuerySet(models.QuerySet["DunningPolicy"]):
    def in_force(self, account: Account, *, at: dt.datetime) -> DunningPolicy:
        """Return the newest version published at ``at`` of the account's own policy, or of how it pays."""
        published = self.filter(published_at__lte=at).prefetch_related("steps").order_by("-version")
        named = published.filter(name=account.policy_name) if account.policy_name else published.none()
        return named.first() or published.filter(name=account.collection_method)[0]


class DunningPolicy(models.Model):
    """A published version of a ladder; it is never edited, a change is a new version."""

    name = models.CharField(_("name"), max_length=50)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    collection_method = models.CharField(_("for accounts that pay"), max_length=24, choices=CollectionMethod)
    lost_dispute = models.CharField(
        _("after a lost dispute"), max_length=16, choices=LostDispute, default=LostDispute.COLLECT
    )
    published_at = models.DateTimeField(_("in force since"), null=True, blank=True)

    objects = DunningPolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("dunning policy")
        verbose_name_plural = _("dunning policies")
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="dunning_policy_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def ladder(self) -> Ladder:
        """Return the steps as the pure ladder that ``billing.schedule`` reads."""
        days: dict[str, list[int]] = {act: [] for act in Act.values}
        lead = 0
        for step in self.steps.all():
            days[step.act].append(step.day)
            lead = step.lead_days if step.act == Act.WARN else lead
        return Ladder(
            notices=tuple(sorted(days[Act.NOTIFY])),
            reminders=tuple(sorted(days[Act.REMIND])),
            charges=tuple(sorted(days[Act.CHARGE])),
            warn_day=days[Act.WARN][0],
            warn_lead=lead,
            suspend_day=days[Act.SUSPEND][0],
            cancel_after=days[Act.CANCEL][0],
            card_expiry=tuple(sorted(days[Act.CARD_EXPIRY], reverse=True)),
            deletion_notices=tuple(sorted(days[Act.DELETION_NOTICE], reverse=True)),
            delete_after=days[Act.DELETE][0],
        )


class Act(models.TextChoices):
    """What a step does; days count from the due date, except where the act says otherwise."""

    NOTIFY = "notify", _("notify before or on the due date")
    REMIND = "remind", _("remind")
    CHARGE = "charge", _("try the card")
    WARN = "warn", _("announce the stop")
    SUSPEND = "suspend", _("stop the service")
    CANCEL = "cancel", _("cancel, days after the stop")
    CARD_EXPIRY = "card_expiry", _("announce the card's expiry, days before it")
    DELETION_NOTICE = "deletion_notice", _("announce deletion, days before it")
    DELETE = "delete", _("delete data, days after cancellation")


class DunningStep(models.Model):
    """One rung: an act, a day, and how long its notice must have been out before what it announces."""

    policy = models.ForeignKey(DunningPolicy, on_delete=models.PROTECT, related_name="steps")
    act = models.CharField(_("act"), max_length=16, choices=Act)
    day = models.SmallIntegerField(_("day"))
    lead_days = models.PositiveSmallIntegerField(_("days the notice must be out"), default=0)

    class Meta:
        verbose_name = _("dunning step")
        verbose_name_plural = _("dunning steps")
        ordering = ["policy", "act", "day"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "act", "day"], name="dunning_step_once_per_act_and_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_act_display()} {self.day:+d}"


class CurrencyFloor(models.Model):
    """Amounts in minor units below which nobody is bothered, or no second person is asked: a row per currency."""

    currency = models.CharField(_("currency"), max_length=3, unique=True)
    smallest_case = models.PositiveBigIntegerField(_("no case under"))
    smallest_suspension = models.PositiveBigIntegerField(_("no suspension under"))
    tolerance = models.PositiveBigIntegerField(
        _("difference not asked for"), default=0, help_text=_("what a payment may lack")
    )
    smallest_payment = models.PositiveBigIntegerField(_("no part payment under"), default=0)
    write_off_limit = models.PositiveBigIntegerField(_("written off by one person up to"), default=0)
    credit_limit = models.PositiveBigIntegerField(_("credited by an agent up to"), default=0)
    suspension_regardless_days = models.PositiveSmallIntegerField(_("days after which any amount suspends"), default=90)

    class Meta:
        verbose_name = _("floor per currency")
        verbose_name_plural = _("floors per currency")
        ordering = ["currency"]

    def __str__(self) -> str:
        return self.currency


class DunningCaseQuerySet(models.QuerySet["DunningCase"]):
    def open(self) -> Self:
        return self.filter(state=CaseState.OPEN)

    def for_account(self, account: Account) -> Self:
        return self.filter(account=account)

    def due(self, *, at: dt.datetime) -> Self:
        return self.open().filter(next_action_at__lte=at)


class DunningCase(Stateful):
    """
    What an account owes one creditor in one currency, from the first refusal or missed date until it is paid.

    It keeps the policy version it opened with. ``anchor`` is the oldest invoice owed;
    ``step_day`` is the highest reminder already due for it.
    """

    TRANSITIONS = CASE_TRANSITIONS

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="dunning_cases")
    seller = models.ForeignKey(Seller, on_delete=models.PROTECT, related_name="dunning_cases")
    currency = models.CharField(_("currency"), max_length=3)
    policy = models.ForeignKey(DunningPolicy, on_delete=models.PROTECT, related_name="cases")
    anchor = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="+", verbose_name=_("oldest invoice"))
    step_day = models.SmallIntegerField(_("highest reminder due"), default=0)
    state = models.CharField(_("state"), max_length=8, choices=CaseState, default=CaseState.OPEN)
    opened_at = models.DateTimeField(_("opened"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    next_action_at = models.DateTimeField(_("next step due"), null=True, blank=True)

    objects = DunningCaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("dunning case")
        verbose_name_plural = _("dunning cases")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["next_action_at"],
                name="dunning_case_next_action",
                condition=Q(state="open", next_action_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "seller", "currency"],
                condition=Q(state="open"),
                name="dunning_case_one_open_per_account_seller_and_currency",
            ),
            models.CheckConstraint(
                condition=~Q(state="closed") | Q(closed_at__isnull=False), name="dunning_case_closed_says_when"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} · {self.seller} · {self.currency}"
