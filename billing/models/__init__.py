"""The tables of billing, one module a noun."""

from .accounts import Account, CollectionMethod, Contact, ContactHealth, Membership, Role
from .allocations import Allocation
from .corrections import CreditNote, CreditNoteLine, CreditReason, WriteOff, WriteOffKind
from .dunning import Act, CurrencyFloor, DunningCase, DunningPolicy, DunningStep, LostDispute
from .erasures import ErasureDemand
from .events import Event, GatewayEvent, StaffTask, TaskKind
from .exchange import ExchangeRate
from .holds import Hold, HoldKind
from .invoices import Invoice, InvoiceLine
from .ledger import CAUSES, EntryKind, LedgerEntry
from .money_back import Dispute, Refund, RefundDestination, Return
from .payment_methods import PaymentMethod, PaymentMethodKind
from .payments import AUTOMATIC_TRIGGERS, BY_HAND_TRIGGERS, Payment, Trigger
from .people import User
from .sellers import DocumentKind, NumberSeries, Seller
from .settlements import CardVisit, Settlement, SettlementLine, SettlementPurpose
from .subscriptions import UNTAXED, Interval, Plan, Subscription, TaxTreatment

__all__ = [
    "AUTOMATIC_TRIGGERS",
    "BY_HAND_TRIGGERS",
    "CAUSES",
    "UNTAXED",
    "Account",
    "Act",
    "Allocation",
    "CardVisit",
    "CollectionMethod",
    "Contact",
    "ContactHealth",
    "CreditNote",
    "CreditNoteLine",
    "CreditReason",
    "CurrencyFloor",
    "Dispute",
    "DocumentKind",
    "DunningCase",
    "DunningPolicy",
    "DunningStep",
    "EntryKind",
    "ErasureDemand",
    "Event",
    "ExchangeRate",
    "GatewayEvent",
    "Hold",
    "HoldKind",
    "Interval",
    "Invoice",
    "InvoiceLine",
    "LedgerEntry",
    "LostDispute",
    "Membership",
    "NumberSeries",
    "Payment",
    "PaymentMethod",
    "PaymentMethodKind",
    "Plan",
    "Refund",
    "RefundDestination",
    "Return",
    "Role",
    "Seller",
    "Settlement",
    "SettlementLine",
    "SettlementPurpose",
    "StaffTask",
    "Subscription",
    "TaskKind",
    "TaxTreatment",
    "Trigger",
    "User",
    "WriteOff",
    "WriteOffKind",
]
