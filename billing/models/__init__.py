"""The tables of billing, one module a noun."""

from .accounts import Account, CollectionMethod, Contact, ContactHealth, Membership, Role
from .dunning import Act, CurrencyFloor, DunningCase, DunningPolicy, DunningStep
from .events import Event, GatewayEvent, StaffTask, TaskKind
from .invoices import Invoice, InvoiceLine
from .ledger import LedgerEntry
from .payment_methods import PaymentMethod, PaymentMethodKind
from .payments import AUTOMATIC_TRIGGERS, BY_HAND_TRIGGERS, Allocation, Payment, Trigger
from .people import User
from .sellers import NumberSeries, Seller
from .settlements import CardVisit, Settlement, SettlementLine, SettlementPurpose
from .subscriptions import UNTAXED, Interval, Plan, Subscription, TaxTreatment

__all__ = [
    "AUTOMATIC_TRIGGERS",
    "BY_HAND_TRIGGERS",
    "UNTAXED",
    "Account",
    "Act",
    "Allocation",
    "CardVisit",
    "CollectionMethod",
    "Contact",
    "ContactHealth",
    "CurrencyFloor",
    "DunningCase",
    "DunningPolicy",
    "DunningStep",
    "Event",
    "GatewayEvent",
    "Interval",
    "Invoice",
    "InvoiceLine",
    "LedgerEntry",
    "Membership",
    "NumberSeries",
    "Payment",
    "PaymentMethod",
    "PaymentMethodKind",
    "Plan",
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
]
