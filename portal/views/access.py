"""What the seller's product asks: may this service run?"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from billing import clock, listening
from billing.access import access as access_of
from billing.models import Subscription

from ..access import is_the_product

PRIVATE = {"Cache-Control": "no-store"}


@login_not_required
@require_safe
def access(request: HttpRequest, reference: str) -> HttpResponse:
    if not is_the_product(request):
        challenge = PRIVATE | {"WWW-Authenticate": "Bearer"}
        return JsonResponse({"error": "unauthorized"}, status=401, headers=challenge)
    subscription = Subscription.objects.select_related("account").filter(reference=reference).first()
    if subscription is None:
        return JsonResponse({"error": "not found"}, status=404, headers=PRIVATE)
    at = clock.now()
    current = access_of(subscription, at=at)
    listening.note(subscription, level=current.level, at=at)
    answer = {
        "subscription": subscription.reference,
        "level": current.level,
        "reasons": [str(reason) for reason in current.reasons],
        "balance": [{"amount": money.amount, "currency": money.currency} for money in current.balance],
        "next_change_at": current.next_change_at.isoformat() if current.next_change_at else None,
        "pay_url": current.pay_url,
        "delete_data": subscription.is_purging,
    }
    return JsonResponse(answer, headers=PRIVATE)
