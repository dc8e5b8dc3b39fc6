"""List the services whose data waits to be deleted; say of one that it is."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from billing import clock, purge
from billing.management.base import OneLineCommand, reference
from billing.models import Subscription


class Command(OneLineCommand):
    help = "List the services whose data waits to be deleted; say of one that it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--acknowledge", type=reference, metavar="REFERENCE", help="the data of this service has been deleted"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["acknowledge"]:
            self.acknowledge(options["acknowledge"])
            return
        waiting = Subscription.objects.purging().select_related("account").order_by("deletion_due_at")
        for service in waiting:
            self.stdout.write(
                f"{service.reference}  since {service.deletion_due_at:%Y-%m-%d %H:%M %Z}  "
                f"{service.name} of {service.account} ({service.account.reference})"
            )
        if not waiting:
            self.stdout.write("nothing waits to be deleted")

    def acknowledge(self, wanted: str) -> None:
        service = Subscription.objects.filter(reference=wanted).first()
        if service is None:
            raise CommandError(f"{self.name}: there is no service {wanted}", returncode=2)
        try:
            purge.acknowledge(service, at=clock.now())
        except purge.NotPurging:
            raise CommandError(f"{self.name}: {wanted} does not wait to be deleted", returncode=2) from None
        self.stdout.write(f"{wanted} is deleted")
