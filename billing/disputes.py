"""
Follow a charge that its card's holder contests: opened, answered, won or lost.

A webhook only says that there is something to see: ``look`` fetches where the dispute
stands and brings the row there, so neither order nor repetition matters. While it is
open, what the charge paid is on hold, access stays as it is and the card is not tried
automatically. When it is lost, what was paid is owed again, and the next step is the last
warning, with its full lead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from . import applying, charging, holding, ledger, retries, schedule, standing
from .events import record
from .gateways import get_gateway
from .gateways.base import DisputeRecord
from .models import (
    Account,
    Dispute,
    DunningPolicy,
    EntryKind,
    Hold,
    HoldKind,
    Invoice,
    LostDispute,
    Payment,
    PaymentMethod,
    Subscription,
    TaskKind,
    User,
    WriteOff,
    WriteOffKind,
)
from .staffing import ask_staff
from .states import LIVE_PAYMENT_STATES, OPEN_DISPUTE_STATES, DisputeState, PaymentState, SubscriptionState

# Banks decide within four months.
LONGEST = timedelta(days=120)


class NotOurs(Exception):
    """The disputed charge is no payment of ours that succeeded; staff have been asked."""


def look(*, gateway: str, gateway_account: str, reference: str, at: datetime) -> Dispute:
    """Ask the gateway where a dispute stands and follow it; raises ``GatewayUnavailable`` and ``NotOurs``."""
    found = get_gateway(gateway).fetch_dispute(gateway_account=gateway_account, reference=reference)
    payment = _payment(found, gateway=gateway, gateway_account=gateway_account, at=at)
    return follow(payment, found, at=at)


def look_again(dispute: Dispute, *, at: datetime) -> Dispute:
    """Ask the gateway where a dispute of ours stands, and follow it."""
    payment = dispute.payment
    return look(
        gateway=payment.gateway,
        gateway_account=payment.gateway_account,
        reference=dispute.gateway_reference,
        at=at,
    )


def answer(dispute: Dispute, *, text: str, by: User, at: datetime) -> Dispute:
    """Hand in the seller's side; raises ``GatewayUnavailable``."""
    payment = dispute.payment
    found = get_gateway(payment.gateway).answer_dispute(
        gateway_account=payment.gateway_account, reference=dispute.gateway_reference, answer=text
    )
    return follow(payment, found, at=at, by=by)


@transaction.atomic(durable=True)
def follow(payment: Payment, found: DisputeRecord, *, at: datetime, by: User | None = None) -> Dispute:
    """Bring our row to where the gateway says the dispute stands; what is decided stays."""
    account = Account.objects.locked().get(pk=payment.account_id)
    payment = Payment.objects.select_related("account", "payment_method", "seller").get(pk=payment.pk)
    dispute = payment.disputes.filter(gateway_reference=found.reference).first() or _open(payment, found, at=at)
    dispute.payment = payment
    if dispute.state not in OPEN_DISPUTE_STATES or dispute.state == found.status:
        return dispute
    match DisputeState(found.status):
        case DisputeState.WON:
            _win(dispute, at=at, by=by)
        case DisputeState.LOST:
            _lose(dispute, at=at, by=by)
        case DisputeState.UNDER_REVIEW:
            dispute.move(DisputeState.UNDER_REVIEW)
            _tell("answered", dispute, at=at, by=by)
        case DisputeState.NEEDS_RESPONSE:
            dispute.move(DisputeState.NEEDS_RESPONSE, respond_by=found.respond_by)
            _ask_for_answer(dispute, at=at)
    standing.refresh(account, at=at)
    if dispute.state == DisputeState.LOST:
        _warn_anew(account, dispute, at=at)
    return dispute


def _payment(found: DisputeRecord, *, gateway: str, gateway_account: str, at: datetime) -> Payment:
    ours = Payment.objects.filter(gateway=gateway, gateway_account=gateway_account)
    payment = ours.filter(idempotency_key=found.charge_key).select_related("account", "payment_method").first()
    if payment and payment.state in LIVE_PAYMENT_STATES:
        # The dispute has overtaken the answer about the charge.
        payment = charging.check(payment, at=at)
    if payment is None or payment.state != PaymentState.SUCCEEDED:
        ask_staff(
            TaskKind.CHARGE_UNEXPLAINED,
            key=f"charge:{gateway_account}:{found.charge}",
            account=payment.account if payment else None,
            payment=payment,
            at=at,
            reference=found.charge,
            dispute=found.reference,
        )
        raise NotOurs(found.reference)
    return payment


def _open(payment: Payment, found: DisputeRecord, *, at: datetime) -> Dispute:
    dispute = Dispute.objects.create(
        payment=payment,
        amount=found.amount,
        reason=found.reason,
        gateway_reference=found.reference,
        respond_by=found.respond_by,
        opened_at=at,
    )
    _hold(dispute, at=at)
    _tell("opened", dispute, at=at)
    _ask_for_answer(dispute, at=at)
    standing.refresh(payment.account, at=at)
    return dispute


def _win(dispute: Dispute, *, at: datetime, by: User | None) -> None:
    dispute.move(DisputeState.WON, closed_at=at)
    _lift(dispute, at=at)
    _tell("won", dispute, at=at, by=by)
    retries.try_again(dispute.payment.account, at=at)


def _lose(dispute: Dispute, *, at: datetime, by: User | None) -> None:
    """Take the money off what it paid; what had been given back before is gone twice, and for staff to see."""
    payment = dispute.payment
    taken = min(dispute.amount, _left_of(payment))
    dispute.move(DisputeState.LOST, closed_at=at, taken=taken)
    reopened = applying.take_back(payment, taken, at=at)
    if taken:
        ledger.post(EntryKind.DISPUTE_LOST, dispute, amount=taken, at=at)
    _tell("lost", dispute, at=at, by=by, invoice=reopened[0] if reopened else None)
    if payment.payment_method:
        PaymentMethod.objects.filter(pk=payment.payment_method.pk).update(blocked_reason="disputed")
        record(
            "card.blocked",
            at=at,
            account=payment.account,
            payment_method=payment.payment_method,
            decline_code="disputed",
        )
    if taken < dispute.amount:
        _ask_staff(TaskKind.DISPUTE_BEYOND, dispute, at=at, beyond=dispute.amount - taken)
    if DunningPolicy.objects.in_force(payment.account, at=at).lost_dispute == LostDispute.WRITE_OFF:
        # On hold until a second person has decided.
        _ask_to_write_off(reopened, at=at)
    else:
        _lift(dispute, at=at)


def _left_of(payment: Payment) -> int:
    """Return what the payment still has, applied or not."""
    applied = sum(payment.allocations.values_list("amount", flat=True))
    return applied + payment.unapplied


def _warn_anew(account: Account, dispute: Dispute, *, at: datetime) -> None:
    """Announce the stop of what is owed again, its full lead from now; nothing small, and nothing that is on hold."""
    owed = standing.debt(account, on=account.today(at)).by_service
    invoices = set(Invoice.objects.open().filter(allocations__payment=dispute.payment_id).values_list("pk", flat=True))
    held = set(Hold.objects.for_account(account).in_force(at=at).values_list("invoice_id", flat=True))
    for service in Subscription.objects.filter(pk__in=owed, state=SubscriptionState.PAST_DUE).select_related("account"):
        debts = owed[service.pk]
        ladder = standing.ladder_of(account, debts, at=at)
        due_on = debts[0].due_on
        again = {invoice.pk for invoice in debts} & (invoices - held)
        if not again or not account.pays_by_card or due_on is None:
            continue
        if standing.patience(debts, ladder) == ladder.warn_day:
            stop_on = schedule.stop_day(ladder, due_on=due_on, announced_on=account.today(at), country=account.country)
            standing.warn(service, stop_on=stop_on, at=at)


def _ask_to_write_off(invoices: list[Invoice], *, at: datetime) -> None:
    for invoice in invoices:
        WriteOff.objects.get_or_create(
            invoice=invoice,
            approved_at=None,
            rejected_at=None,
            defaults={
                "kind": WriteOffKind.BAD_DEBT,
                "amount": invoice.amount_due,
                "reason": "a dispute was lost",
                "requested_at": at,
            },
        )


def _hold(dispute: Dispute, *, at: datetime) -> None:
    """Pause dunning of what the charge paid; of the account, where it has paid nothing."""
    payment = dispute.payment
    paid = Invoice.objects.filter(allocations__payment=payment).distinct()
    for held in [*paid] or [payment.account]:
        holding.place(HoldKind.DISPUTE, on=held, until=at + LONGEST, reason=_reason(dispute), by=None, at=at)


def _lift(dispute: Dispute, *, at: datetime) -> None:
    holds = Hold.objects.for_account(dispute.payment.account).in_force(at=at)
    for hold in holds.filter(kind=HoldKind.DISPUTE, reason=_reason(dispute)):
        holding.lift(hold, by=None, at=at)


def _reason(dispute: Dispute) -> str:
    return f"dispute {dispute.gateway_reference}"


def _ask_for_answer(dispute: Dispute, *, at: datetime) -> None:
    within = dispute.respond_by - at if dispute.respond_by and dispute.respond_by > at else timedelta(days=1)
    ask_staff(
        TaskKind.DISPUTE_OPENED,
        key=f"dispute_opened:{dispute.pk}",
        account=dispute.payment.account,
        payment=dispute.payment,
        at=at,
        within=within,
        dispute=dispute.gateway_reference,
    )


def _ask_staff(kind: TaskKind, dispute: Dispute, *, at: datetime, **codes: Any) -> None:
    ask_staff(
        kind, key=f"{kind}:{dispute.pk}", account=dispute.payment.account, payment=dispute.payment, at=at, **codes
    )


def _tell(what: str, dispute: Dispute, *, at: datetime, by: User | None = None, invoice: Invoice | None = None) -> None:
    record(
        f"dispute.{what}",
        at=at,
        account=dispute.payment.account,
        payment=dispute.payment,
        invoice=invoice,
        actor=by,
        amount=dispute.amount,
        currency=dispute.payment.currency,
        dispute=dispute.gateway_reference,
    )
