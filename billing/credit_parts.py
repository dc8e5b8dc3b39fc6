"""
How much of each line of an invoice can be credited, and what a credit takes of it.

Of a line, no more net and no more tax is ever credited than it had: tax is that of the
line, reckoned over everything credited of it so far, so that many small credits add up
to the one large one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Sum

from .models import Invoice, InvoiceLine
from .money import rate_of, without_tax


class MoreThanIsLeft(Exception):
    """More would be credited than is left of the invoice, or of one of its lines."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a credit note takes back of one line."""

    line: InvoiceLine
    net: int
    tax: int

    @property
    def gross(self) -> int:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Left(Part):
    """What is not credited yet of one line."""

    def of_net(self, net: int) -> Part:
        """Return a part by its amount without tax."""
        if not 0 <= net <= self.net:
            raise MoreThanIsLeft(f"{self.line} has {self.net} left, not {net}")
        credited = Part(self.line, self.line.net - self.net, self.line.tax - self.tax)
        tax = rate_of(credited.net + net, self.line.tax_rate) - credited.tax
        return Part(self.line, net, self.tax if net == self.net else min(max(tax, 0), self.tax))

    def of_gross(self, gross: int) -> Part:
        """Return a part by its amount with tax, exactly: what the tax cannot take is net, and the other way around."""
        if not 0 <= gross <= self.gross:
            raise MoreThanIsLeft(f"{self.line} has {self.gross} left, not {gross}")
        tax = gross - without_tax(gross, self.line.tax_rate)
        tax = max(min(tax, self.tax), gross - self.net)
        return Part(self.line, gross - tax, tax)


def left(invoice: Invoice) -> list[Left]:
    """Return what is not credited yet of each line."""
    lines = invoice.lines.annotate(net_back=Sum("credit_note_lines__net"), tax_back=Sum("credit_note_lines__tax"))
    return [Left(line, line.net - (line.net_back or 0), line.tax - (line.tax_back or 0)) for line in lines]


def pro_rata(line: InvoiceLine, from_day: date) -> int:
    """Return the net of the days of a line's period from a day on, in whole minor units, half away from zero."""
    if line.period_start is None or line.period_end is None or line.period_end < from_day:
        return 0
    days = (line.period_end - line.period_start).days + 1
    undelivered = (line.period_end - max(from_day, line.period_start)).days + 1
    return (2 * line.net * undelivered + days) // (2 * days)
