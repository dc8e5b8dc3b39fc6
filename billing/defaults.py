"""Rows every installation starts with: the two ladders and the floors, put back after a flush."""

from __future__ import annotations

from datetime import UTC, datetime

from .models import Act, CollectionMethod, CurrencyFloor, DunningPolicy, DunningStep

IN_FORCE_SINCE = datetime(2020, 1, 1, tzinfo=UTC)

AFTER_THE_STOP = [(Act.CANCEL, 30, 0), (Act.DELETE, 90, 0)] + [(Act.DELETION_NOTICE, day, 1) for day in (60, 30, 7, 1)]

# (act, day, days the notice must be out), for each way of paying.
LADDERS = {
    CollectionMethod.CHARGE_AUTOMATICALLY: [
        *((Act.REMIND, day, 0) for day in (3, 7, 12, 18)),
        *((Act.CHARGE, day, 0) for day in (1, 3, 6, 9, 13, 20)),
        (Act.WARN, 14, 7),
        (Act.SUSPEND, 21, 0),
        *AFTER_THE_STOP,
    ],
    CollectionMethod.SEND_INVOICE: [
        *((Act.NOTIFY, day, 0) for day in (-7, 0)),
        *((Act.REMIND, day, 0) for day in (3, 10)),
        (Act.WARN, 21, 14),
        (Act.SUSPEND, 35, 0),
        *AFTER_THE_STOP,
    ],
}

# (currency, no case under, no suspension under), in minor units.
FLOORS = [("EUR", 5_00, 25_00), ("USD", 5_00, 25_00), ("GBP", 5_00, 25_00), ("JPY", 800, 4_000)]


def install() -> None:
    """Add what is missing; what an operator has added or published since stays."""
    for method, steps in LADDERS.items():
        policy, created = DunningPolicy.objects.get_or_create(
            name=method, version=1, defaults={"collection_method": method, "published_at": IN_FORCE_SINCE}
        )
        if created:
            DunningStep.objects.bulk_create(
                DunningStep(policy=policy, act=act, day=day, lead_days=lead) for act, day, lead in steps
            )
    for currency, smallest_case, smallest_suspension in FLOORS:
        CurrencyFloor.objects.get_or_create(
            currency=currency,
            defaults={"smallest_case": smallest_case, "smallest_suspension": smallest_suspension},
        )
