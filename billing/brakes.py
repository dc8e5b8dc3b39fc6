"""When a run stops itself because the night is not normal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from .batches import Counts
from .models import Event, Payment, StaffTask, TaskKind
from .states import PaymentState

ENOUGH_CHARGES = 20
REFUSED_PERCENT = 40
USUAL_WINDOW = timedelta(days=30)
ALWAYS_ALLOWED = 10


class AbnormalRun(Exception):
    """The run stopped itself; ``counts`` says what was done before."""

    def __init__(self, reason: str, counts: Counts) -> None:
        super().__init__(reason)
        self.counts = counts


class ChargeBrake:
    """Goes on when more than 40 % of at least 20 charges of one run were refused."""

    def __init__(self) -> None:
        self.tried = self.refused = 0

    @property
    def is_on(self) -> bool:
        return self.tried >= ENOUGH_CHARGES and self.refused * 100 > self.tried * REFUSED_PERCENT

    def count(self, payments: Iterable[Payment]) -> Counts:
        """Add payments to the brake and return them as counts."""
        counts: Counts = Counter()
        for payment in payments:
            refused = payment.state == PaymentState.FAILED
            self.tried += 1
            self.refused += refused
            charged = payment.state == PaymentState.SUCCEEDED
            counts["charged" if charged else "refused" if refused else "unclear"] += 1
        return counts


def usual_limit(event_type: str, *, at: datetime) -> int:
    """Return how many such events one run may cause: ten, or three times the daily mean of 30 days."""
    seen = Event.objects.filter(type=event_type, at__gt=at - USUAL_WINDOW, at__lte=at).count()
    return max(ALWAYS_ALLOWED, 3 * seen // USUAL_WINDOW.days)


def staff_have_looked(job: str, *, at: datetime) -> bool:
    """Say whether staff have closed the task about an abnormal run of a job within a day: then it goes on."""
    looked = StaffTask.objects.filter(key__startswith=f"{job}:", kind=TaskKind.ABNORMAL_NIGHT)
    return looked.filter(done_at__gt=at - timedelta(days=1), done_at__lte=at).exists()
