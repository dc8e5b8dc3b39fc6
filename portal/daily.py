"""
The night, in order: what came in, what is owed, what is charged, what follows, what is told.

Each stage may be run any number of times; one that stops itself does not stop the others.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

from billing import charging, dunning, invoicing, reconciling, retention, tomorrow
from billing.batches import Counts, Watch, unwatched
from billing.brakes import AbnormalRun
from billing.gateways.base import GatewayUnavailable
from billing.scope import EVERYONE, Scope
from notifications import delivery

logger = logging.getLogger(__name__)


def reconcile(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """Find out what is undecided, then compare our payments with the gateway's charges; differences are failures."""
    counts = reconciling.run(at=at, scope=scope, watch=watch)
    try:
        return counts + Counter(failed=len(reconciling.compare(at=at)))
    except GatewayUnavailable:
        logger.warning("the gateway cannot be asked for its charges")
        return counts + Counter(failed=1)


STAGES = (reconcile, invoicing.run, charging.collect, dunning.run, retention.run, tomorrow.run)


def run(*, at: datetime, scope: Scope = EVERYONE, watch: Watch = unwatched) -> Counts:
    """
    Run every stage for ``at`` and add up what they count.

    Mail goes out even when a stage stopped itself; then ``AbnormalRun`` is raised at the end.
    """
    counts: Counts = Counter()
    stopped: list[AbnormalRun] = []
    for stage in STAGES:
        try:
            counts += stage(at=at, scope=scope, watch=watch)
        except AbnormalRun as abnormal:
            counts += abnormal.counts
            stopped.append(abnormal)
    counts += delivery.run(at=at, scope=scope)
    if stopped:
        raise AbnormalRun("; ".join(str(abnormal) for abnormal in stopped), counts)
    return counts


def waiting(*, at: datetime, scope: Scope = EVERYONE) -> Counts:
    """Count what each stage would look at, changing nothing; what an earlier one would make is not there yet."""
    counts = reconciling.waiting(at=at, scope=scope) + delivery.waiting(at=at, scope=scope)
    return counts + Counter(
        {
            "to invoice": len(invoicing.due_accounts(at=at, scope=scope)),
            "to charge": len(charging.due_accounts(at=at, scope=scope)),
            "to remind or stop": len(dunning.due_accounts(at=at, scope=scope)),
            "to keep or delete": len(retention.due_accounts(at=at, scope=scope)),
        }
    )
