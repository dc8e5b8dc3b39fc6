"""What a gateway tells of its own accord is stored and acknowledged; it is worked on later."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing import clock
from billing.gateways.base import InvalidWebhook
from billing.webhooks import UnknownGateway, receive


@csrf_exempt
@login_not_required
@require_POST
def webhook(request: HttpRequest, gateway: str) -> HttpResponse:
    try:
        receive(gateway, body=request.body, headers=request.headers, at=clock.now())
    except UnknownGateway:
        return HttpResponse("unknown gateway\n", status=404, content_type="text/plain")
    except InvalidWebhook:
        return HttpResponse("invalid signature\n", status=400, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")
