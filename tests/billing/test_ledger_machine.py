"""Whatever is issued, paid, credited, written off and taken back: the books are those of a simple model."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing import applying, books, concluding, crediting, ledger, standing, voiding, writing_off
from billing.credit_parts import MoreThanIsLeft
from billing.gateways.base import Outcome, Status
from billing.models import (
    Account,
    CreditNote,
    CreditReason,
    EntryKind,
    Invoice,
    LedgerEntry,
    Payment,
    Refund,
    Return,
    WriteOff,
)
from billing.states import InvoiceState
from tests.factories import MONDAY, AccountFactory, InvoiceFactory, PaymentFactory, SellerFactory, UserFactory


class LedgerMachine(RuleBasedStateMachine):
    """The model: what each invoice is for, and how much money, credit and write-off there is altogether."""

    invoices = Bundle("invoices")
    payments = Bundle("payments")
    write_offs = Bundle("write_offs")

    def __init__(self) -> None:
        super().__init__()
        self.story = transaction.atomic()
        self.story.__enter__()
        self.account: Account = AccountFactory()
        self.seller = SellerFactory()
        self.staff = UserFactory(), UserFactory()
        self.at = self.account.moment(MONDAY, 12)
        self.totals: dict[int, int] = {}
        self.credited: dict[int, int] = {}
        self.void: set[int] = set()
        self.received: dict[int, int] = {}
        self.taken_back: dict[int, int] = {}

    def teardown(self) -> None:
        """Forget the story: each begins with empty books."""
        transaction.set_rollback(True)
        self.story.__exit__(None, None, None)

    def now(self):
        self.at += timedelta(minutes=1)
        return self.at

    @rule(target=invoices, price=st.integers(1, 300_00))
    def issue(self, price: int) -> int:
        invoice = InvoiceFactory(account=self.account, seller=self.seller, price=price)
        self.totals[invoice.pk], self.credited[invoice.pk] = invoice.total, 0
        return invoice.pk

    def _receive(self, amount: int) -> int:
        payment = PaymentFactory(account=self.account, seller=self.seller, amount=amount, created_at=self.at)
        outcome = Outcome(Status.SUCCEEDED, reference=f"r{payment.pk}", amount=amount, currency="EUR")
        concluding.succeed(self.account, payment, outcome, at=self.now())
        self.received[payment.pk], self.taken_back[payment.pk] = amount, 0
        return payment.pk

    @rule(target=payments, amount=st.integers(1, 400_00))
    def pay(self, amount: int) -> int:
        return self._receive(amount)

    @rule(target=payments, invoice=invoices, lacking=st.integers(0, 60))
    def pay_but_for_a_little(self, invoice: int, lacking: int):
        due = Invoice.objects.get(pk=invoice).amount_due - lacking
        return self._receive(due) if due > 0 else multiple()

    @rule(invoice=invoices, amount=st.integers(1, 400_00))
    def credit(self, invoice: int, amount: int) -> None:
        row = Invoice.objects.get(pk=invoice)
        left = self.totals[invoice] - self.credited[invoice]
        about = {"reason": CreditReason.GOODWILL, "by": None, "at": self.now()}
        if row.state not in crediting.CREDITABLE:
            refused = (crediting.NotCreditable, MoreThanIsLeft)
        elif amount > left:
            refused = (MoreThanIsLeft,)
        else:
            crediting.credit_amount(row, amount, **about)
            self.credited[invoice] += amount
            return
        with pytest.raises(refused):
            crediting.credit_amount(row, amount, **about)

    @rule(invoice=invoices)
    def credit_the_rest(self, invoice: int) -> None:
        row = Invoice.objects.get(pk=invoice)
        if row.state in crediting.CREDITABLE and self.credited[invoice] < self.totals[invoice]:
            crediting.credit_whole(row, reason=CreditReason.CORRECTION, by=None, at=self.now())
            self.credited[invoice] = self.totals[invoice]

    @rule(invoice=invoices)
    def take_it_back_unseen(self, invoice: int) -> None:
        row = Invoice.objects.get(pk=invoice)
        if row.state == InvoiceState.OPEN and not row.allocations.exists() and not row.credit_notes.exists():
            voiding.void(row, reason="twice", by=self.staff[0], at=self.now())
            self.void.add(invoice)
        else:
            with pytest.raises((voiding.NotOpen, voiding.AlreadySent)):
                voiding.void(row, reason="twice", by=self.staff[0], at=self.now())

    @rule(target=write_offs, invoice=invoices)
    def write_off(self, invoice: int):
        row = Invoice.objects.get(pk=invoice)
        if row.amount_due == 0:
            with pytest.raises(writing_off.NothingToWriteOff):
                writing_off.request(row, reason="x", by=self.staff[0], at=self.now())
            return multiple()
        asked = writing_off.request(row, reason="x", by=self.staff[0], at=self.now())
        if asked.approved_at is None:
            writing_off.approve(asked, by=self.staff[1], at=self.now())
        return asked.pk

    @rule(target=payments, invoice=invoices, paid=st.integers(1, 100_00))
    def pay_a_part_and_give_up_the_rest(self, invoice: int, paid: int) -> int:
        payment = self._receive(paid)
        row = Invoice.objects.get(pk=invoice)
        if row.amount_due:
            asked = writing_off.request(row, reason="x", by=self.staff[0], at=self.now())
            if asked.approved_at is None:
                writing_off.approve(asked, by=self.staff[1], at=self.now())
        return payment

    @rule(write_off=write_offs)
    def ask_for_it_after_all(self, write_off: int) -> None:
        row = WriteOff.objects.get(pk=write_off)
        if row.reversed_at is None:
            writing_off.reverse(row, by=self.staff[0], at=self.now())
        else:
            with pytest.raises(writing_off.AlreadyDecided):
                writing_off.reverse(row, by=self.staff[0], at=self.now())

    @rule(payment=payments, amount=st.integers(1, 400_00))
    def the_bank_takes_back(self, payment: int, amount: int) -> None:
        row = Payment.objects.get(pk=payment)
        # A double is set aside to go back, so it is not there to be taken.
        amount = min(amount, row.unapplied + sum(row.allocations.values_list("amount", flat=True)))
        if amount == 0:
            return
        number = f"b{Return.objects.count()}"
        returned = Return.objects.create(payment=row, amount=amount, bank_reference=number, at=self.now())
        applying.take_back(row, amount, at=self.at)
        ledger.post(EntryKind.RETURN, returned, amount=amount, at=self.at)
        standing.refresh(self.account, at=self.at)
        self.taken_back[payment] += amount

    @precondition(lambda self: self.totals)
    @rule()
    def use_credit(self) -> None:
        applying.apply_credit(self.account, at=self.now())
        standing.refresh(self.account, at=self.at)

    @invariant()
    def the_books_are_right(self) -> None:
        assert [line for line in books.check(at=self.at) if line.startswith(("I1", "I4", "I7"))] == []

    @invariant()
    def the_ledger_is_the_model_s(self) -> None:
        written_off = sum(WriteOff.objects.in_force().values_list("amount", flat=True))
        asked = sum(total for pk, total in self.totals.items() if pk not in self.void)
        money = sum(self.received.values()) - sum(self.taken_back.values())
        balance = sum(LedgerEntry.objects.filter(account=self.account).values_list("amount", flat=True))
        # What pays nothing was taken twice, and is set aside to go back.
        going_back = sum(Refund.objects.values_list("amount", flat=True))
        assert balance == asked - sum(self.credited.values()) - money - written_off + going_back

    @invariant()
    def no_invoice_is_credited_or_paid_for_more_than_it_is(self) -> None:
        for invoice in Invoice.objects.all():
            notes = CreditNote.objects.filter(invoice=invoice)
            assert sum(note.total for note in notes) == self.credited[invoice.pk] <= invoice.total
            assert sum(note.tax for note in notes) <= invoice.tax
            assert sum(note.net for note in notes) <= invoice.net
            assert 0 <= sum(invoice.allocations.values_list("amount", flat=True)) <= invoice.total


@pytest.mark.django_db
def test_the_books_are_right_after_every_step_of_any_story():
    story = settings(
        max_examples=12,
        stateful_step_count=15,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(LedgerMachine, settings=story)
