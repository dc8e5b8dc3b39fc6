"""
Named ways to break the code that the suite must notice.

Each takes one guard away, as a well-meant change might. A text that is no longer in its
file exactly once is an error, so that no breakage quietly stops breaking anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GUARDS = "tests/test_guards.py::"
CHARGES = "tests/test_guards.py::TestCharges::"
REFUNDS = "tests/billing/test_refunds.py::"
MAIL = "tests/notifications/test_delivery.py::"


class DoesNotFit(Exception):
    """The text to break is not in the file exactly once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace one text in one file."""

    file: str
    old: str
    new: str

    def count_in(self, tree: Path) -> int:
        return (tree / self.file).read_text().count(self.old)

    def check(self, tree: Path) -> None:
        """Raise ``DoesNotFit`` unless there is exactly one text to replace."""
        if self.count_in(tree) != 1:
            raise DoesNotFit(f"{self.file}: found {self.count_in(tree)} times: {self.old!r}")

    def apply(self, tree: Path) -> None:
        self.check(tree)
        path = tree / self.file
        path.write_text(path.read_text().replace(self.old, self.new))


@dataclass(frozen=True, slots=True)
class Breakage:
    """A guard taken away, and the test that must go red."""

    name: str
    noticed_by: str
    edits: tuple[Edit, ...]


def breakage(name: str, noticed_by: str, file: str, old: str, new: str) -> Breakage:
    """Return a breakage of one text."""
    return Breakage(name, noticed_by, (Edit(file, old, new),))


ONE_LIVE_IN_MODEL = """\
            models.UniqueConstraint(
                fields=["account", "seller", "currency"],
                condition=Q(state__in=LIVE_PAYMENT_STATES, superseded_at__isnull=True),
                name="payment_one_live_per_account_seller_and_currency",
            ),
"""
ONE_LIVE_IN_MIGRATION = """\
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('pending', 'requires_action', 'unknown')), ('superseded_at__isnull', True)), fields=('account', 'seller', 'currency'), name='payment_one_live_per_account_seller_and_currency'),
        ),
"""  # noqa: E501 - as Django wrote it

LOCKED = CHARGES + "test_the_account_is_locked_before_anything_else_is_read"
OUTSIDE = CHARGES + "test_the_gateway_is_asked_outside_of_transactions"

BREAKAGES = (
    Breakage(
        "two live payments of one debt",
        CHARGES + "test_a_debt_has_one_live_payment",
        (
            Edit("billing/models/payments.py", ONE_LIVE_IN_MODEL, ""),
            Edit("billing/migrations/0001_initial.py", ONE_LIVE_IN_MIGRATION, ""),
        ),
    ),
    breakage(
        "a new idempotency key at each ask",
        CHARGES + "test_asking_again_is_the_same_charge",
        "billing/charging.py",
        "            idempotency_key=payment.idempotency_key,\n            amount=",
        "            idempotency_key=__import__('uuid').uuid4().hex,\n            amount=",
    ),
    breakage(
        "no account lock when a charge begins",
        LOCKED,
        "billing/charging.py",
        "Account.objects.locked().get(pk=account_pk)",
        "Account.objects.get(pk=account_pk)",
    ),
    breakage(
        "no account lock when a consent is used",
        LOCKED,
        "billing/settling.py",
        "Account.objects.locked().get(pk=settlement.account_id)",
        "Account.objects.get(pk=settlement.account_id)",
    ),
    breakage(
        "no account lock when an answer is settled",
        LOCKED,
        "billing/charging.py",
        "Account.objects.locked().get(pk=payment.account_id)",
        "Account.objects.get(pk=payment.account_id)",
    ),
    breakage(
        "no answer taken for a refusal",
        CHARGES + "test_no_answer_is_neither_yes_nor_no",
        "billing/charging.py",
        "        case Status.UNKNOWN:\n            concluding.doubt(payment, at=at)",
        "        case Status.UNKNOWN:\n            concluding.fail(account, payment, outcome, at=at)",
    ),
    breakage(
        "an answer settled whatever the row's state",
        CHARGES + "test_a_second_answer_posts_nothing",
        "billing/charging.py",
        "    if payment.state not in LIVE_PAYMENT_STATES:\n"
        "        return concluding.already_settled(payment, outcome, at=at)\n",
        "",
    ),
    breakage(
        "a move that looks at no state",
        CHARGES + "test_a_row_that_has_moved_on_is_left_alone",
        "billing/models/stateful.py",
        "filter(pk=self.pk, state__in=sources)",
        "filter(pk=self.pk)",
    ),
    Breakage(
        "the gateway asked inside the transaction of the night",
        OUTSIDE,
        (
            Edit(
                "billing/charging.py",
                'with guarded(counts, pk, job="collecting", at=at):',
                'with guarded(counts, pk, job="collecting", at=at), transaction.atomic():',
            ),
            Edit(
                "billing/charging.py",
                "@transaction.atomic(durable=True)\ndef begin(",
                "@transaction.atomic\ndef begin(",
            ),
            Edit(
                "billing/charging.py",
                "@transaction.atomic(durable=True)\ndef settle(",
                "@transaction.atomic\ndef settle(",
            ),
        ),
    ),
    Breakage(
        "the gateway asked inside the transaction of a person's payment",
        OUTSIDE,
        (
            Edit("billing/settling.py", "\ndef settle(settlement", "\n@transaction.atomic\ndef settle(settlement"),
            Edit(
                "billing/settling.py",
                "@transaction.atomic(durable=True)\ndef begin(",
                "@transaction.atomic\ndef begin(",
            ),
            Edit(
                "billing/charging.py",
                "@transaction.atomic(durable=True)\ndef settle(",
                "@transaction.atomic\ndef settle(",
            ),
        ),
    ),
    breakage(
        "the digest of a quote ignored",
        CHARGES + "test_what_was_not_shown_is_not_consented_to",
        "billing/settling.py",
        "if current.digest != digest:",
        "if False:",
    ),
    breakage(
        "a new card made the default before it pays",
        CHARGES + "test_a_card_that_pays_nothing_does_not_replace_one_that_works",
        "billing/cards.py",
        "return not Invoice.objects.due(on=today).for_account(account).exists()",
        "return True",
    ),
    breakage(
        "history left unguarded",
        GUARDS + "test_the_database_itself_refuses_to_rewrite_history",
        "billing/apps.py",
        "    append_only.install(using)\n",
        "",
    ),
    breakage(
        "a service stopped before its notice is out",
        GUARDS + "test_nothing_stops_before_its_warning_was_out",
        "billing/dunning.py",
        " or not _notice_was_out(subscription, ladder)",
        "",
    ),
    breakage(
        "data deleted an hour early",
        GUARDS + "test_data_is_kept_to_the_last_minute",
        "billing/deletion_notices.py",
        "return max(service.keep_until, ",
        "return max(service.keep_until - timedelta(hours=1), ",
    ),
    breakage(
        "the alert about debt dropped",
        GUARDS + "test_who_owes_sees_an_alert",
        "portal/alerts.py",
        " else debt(facts)",
        " else []",
    ),
    breakage(
        "a mail sent without looking whether it is still true",
        MAIL + "test_nothing_is_mailed_about_a_debt_that_was_paid_before_sending",
        "notifications/delivery.py",
        "[part for part in parts if rules.is_true(part.event, at=at)]",
        "list(parts)",
    ),
    breakage(
        "credit given back at a sight that has changed",
        REFUNDS + "test_decided_on_twice_at_the_same_sight_it_goes_back_once",
        "billing/refundable.py",
        "    if row.unapplied != credit.unapplied:",
        "    if False:",
    ),
    breakage(
        "a refund sent again when its key may be forgotten",
        REFUNDS + "test_a_key_that_the_gateway_may_have_forgotten_is_not_sent_again",
        "billing/refunds.py",
        " and (refund.asked_at is None or at - refund.asked_at < KEY_LIFE)",
        "",
    ),
    breakage(
        "a refund without an answer called failed",
        REFUNDS + "test_whatever_the_gateway_answers_the_money_goes_back_once",
        "billing/refunds.py",
        "    elif answer is not None and answer.status == Status.FAILED:",
        "    elif answer is None or answer.status == Status.FAILED:",
    ),
    breakage(
        "a prepayment given back as if it were a double",
        REFUNDS + "test_a_prepayment_is_never_given_back_by_itself",
        "billing/refundable.py",
        "    if payment.settlement is None:\n        return False",
        "    if payment.settlement is None:\n        return True",
    ),
    breakage(
        "a charge that gives back more than it took",
        REFUNDS + "test_no_charge_gives_back_more_than_it_took",
        "billing/refundable.py",
        "        share = min(left, by_card(payment))",
        "        share = min(left, payment.amount)",
    ),
    breakage(
        "a refund by bank approved by who asked for it",
        "tests/billing/test_bank_refunds.py::test_who_asked_cannot_approve",
        "billing/bank_refunds.py",
        "    if refund.requested_by_id == by.pk:",
        "    if False:",
    ),
    breakage(
        "a return booked as often as it is told",
        "tests/billing/test_returns.py::test_the_same_return_is_booked_once",
        "billing/returns.py",
        "    if known:",
        "    if False:",
    ),
    breakage(
        "the card of an open dispute tried automatically",
        "tests/billing/test_disputes.py::test_while_it_is_open_the_card_is_not_tried_automatically",
        "billing/retries.py",
        '    cards = cards.exclude(pk__in=Dispute.objects.open().values("payment__payment_method"))\n',
        "",
    ),
    breakage(
        "a lost dispute followed twice",
        "tests/billing/test_disputes.py::test_looked_at_by_many_at_once_it_is_lost_once",
        "billing/disputes.py",
        "    if dispute.state not in OPEN_DISPUTE_STATES or dispute.state == found.status:",
        "    if False:",
    ),
    breakage(
        "the hold of a dispute kept after it was won",
        "tests/billing/test_disputes.py::test_won_the_hold_is_lifted_and_the_card_is_tried_again",
        "billing/disputes.py",
        "    dispute.move(DisputeState.WON, closed_at=at)\n    _lift(dispute, at=at)\n",
        "    dispute.move(DisputeState.WON, closed_at=at)\n",
    ),
)
