"""Addresses that leave the house: in mails, to the gateway and to the product. Built from ``BASE_URL`` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse

if TYPE_CHECKING:
    from .models import Account, CardVisit, CreditNote, Invoice, Payment, Subscription


def _address(name: str, *references: str) -> str:
    return f"{settings.BASE_URL}{reverse(name, args=references)}"


def overview(account: Account) -> str:
    return _address("overview", account.reference)


def cards(account: Account) -> str:
    return _address("cards", account.reference)


def card_change(account: Account) -> str:
    return _address("card_change", account.reference)


def card_return(visit: CardVisit) -> str:
    return _address("card_return", visit.account.reference, visit.reference)


def settle(account: Account) -> str:
    return _address("settle", account.reference)


def payment_return(payment: Payment) -> str:
    return _address("payment_return", payment.account.reference, payment.reference)


def invoice(invoice: Invoice) -> str:
    return _address("invoice", invoice.account.reference, invoice.reference)


def credit_note(note: CreditNote) -> str:
    return _address("credit_note", note.account.reference, note.reference)


def services(account: Account) -> str:
    return _address("services", account.reference)


def erasure(service: Subscription) -> str:
    return _address("service_erase", service.account.reference, service.reference)


def profile(account: Account) -> str:
    return _address("profile", account.reference)


def help(account: Account) -> str:
    return _address("help", account.reference)
