"""What is owed, why a card was refused, and which payments wait for approval, as a letter tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from billing import declines
from billing.models import Event, Invoice, Payment, PaymentMethod
from billing.money import total
from billing.outlook import Outlook

from .letters import Approval, Debt, Line, Refusal, Transfer


def debts(due: Iterable[Invoice]) -> tuple[Debt, ...]:
    """Group due invoices by seller and currency."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for invoice in due:
        groups.setdefault((invoice.seller.name, invoice.currency), []).append(line(invoice))
    return tuple(
        Debt(seller=seller, total=total((line.amount for line in lines), currency), lines=tuple(lines))
        for (seller, currency), lines in groups.items()
    )


def line(invoice: Invoice) -> Line:
    """Describe an invoice; who pays by bank transfer is told where to."""
    by_transfer = not invoice.account.pays_by_card and invoice.seller.iban
    return Line(
        number=str(invoice),
        amount=invoice.due_money,
        due_on=invoice.due_on,
        transfer=_transfer(invoice) if by_transfer else None,
    )


def _transfer(invoice: Invoice) -> Transfer:
    seller = invoice.seller
    return Transfer(
        holder=seller.account_holder,
        iban=" ".join(seller.iban[start : start + 4] for start in range(0, len(seller.iban), 4)),
        bic=seller.bic,
        reference=invoice.creditor_reference or str(invoice),
    )


def refusals(now: Outlook, events: Sequence[Event]) -> tuple[Refusal, ...]:
    """Say why cards were refused, once per card and reason; without news, the last refusal for each creditor."""
    payments = [event.payment for event in events if event.type == "payment.failed" and event.payment is not None]
    groups: dict[tuple[str, str], list[Payment]] = {}
    for payment in payments or _last_refusals(now):
        groups.setdefault((card_name(payment.payment_method), payment.decline_code), []).append(payment)
    return tuple(_refusal(card, code, refused) for (card, code), refused in groups.items())


def _last_refusals(now: Outlook) -> list[Payment]:
    """Return the newest refusal for each creditor to whom something is due."""
    creditors = {(invoice.seller_id, invoice.currency) for invoice in now.due}
    newest: dict[tuple[int, str], Payment] = {}
    for payment in now.failures:
        newest.setdefault((payment.seller_id, payment.currency), payment)
    return [payment for creditor, payment in sorted(newest.items()) if creditor in creditors]


def _refusal(card: str, code: str, refused: Sequence[Payment]) -> Refusal:
    words = declines.advice(code)
    sellers = tuple(dict.fromkeys(payment.seller.name for payment in refused))
    return Refusal(card=card, sellers=sellers, reason=words.reason, advice=words.advice)


def approval(payment: Payment) -> Approval:
    return Approval(seller=payment.seller.name, amount=payment.money, card=card_name(payment.payment_method))


def card_name(method: PaymentMethod | None) -> str:
    return str(method or "")
