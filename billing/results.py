"""What became of a settlement, derived from its payments: per invoice, and as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from .models import Invoice, Payment, Settlement, SettlementLine
from .money import Money
from .quotes import group_key
from .states import PaymentState


@dataclass(frozen=True, slots=True)
class ResultLine:
    """What became of one invoice of a settlement."""

    invoice: Invoice
    amount: Money
    payment: Payment | None
    status: str

    @property
    def is_unpaid(self) -> bool:
        """Say whether nothing came of it and nothing else has paid the invoice since."""
        return self.status != "paid" and self.invoice.amount_due > 0

    @property
    def is_paid_in_part(self) -> bool:
        return self.status == "paid" and self.invoice.amount_due > 0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a settlement: ``paid``, ``partly``, ``failed``, ``checking``, ``action`` or ``unpaid``."""

    status: str
    lines: tuple[ResultLine, ...]
    payments: tuple[Payment, ...]


STATUS_OF = {
    PaymentState.SUCCEEDED: "paid",
    PaymentState.FAILED: "failed",
    PaymentState.CANCELED: "failed",
    PaymentState.REQUIRES_ACTION: "action",
    PaymentState.PENDING: "checking",
    PaymentState.UNKNOWN: "checking",
}


def result(settlement: Settlement) -> Result:
    """Derive what became of a settlement from its payments."""
    payments = list(settlement.payments.select_related("seller", "payment_method", "account"))
    by_group: dict[tuple[int, str], Payment] = {(p.seller_id, p.currency): p for p in payments}
    rows = settlement.lines.select_related("invoice__seller", "invoice__account")
    lines = tuple(_result_line(row, by_group.get(group_key(row.invoice))) for row in rows)
    return Result(status=_overall({line.status for line in lines}), lines=lines, payments=tuple(payments))


def _result_line(row: SettlementLine, payment: Payment | None) -> ResultLine:
    status = STATUS_OF[PaymentState(payment.state)] if payment else "unpaid"
    return ResultLine(row.invoice, row.money, payment, status)


def _overall(statuses: set[str]) -> str:
    for status in ("action", "checking"):
        if status in statuses:
            return status
    if len(statuses) == 1:
        return statuses.pop()
    return "partly" if "paid" in statuses else "failed"
