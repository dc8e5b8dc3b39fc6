"""The hosted pages inside of Django; the API is never served here."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from . import pages
from .factory import sandbox_engine


# Another company's site as far as the portal is concerned: no sign-in, no token of ours.
@csrf_exempt
@login_not_required
def page(request: HttpRequest, path: str) -> HttpResponse:
    form = {name: str(value) for name, value in request.POST.items()}
    response = pages.respond(sandbox_engine(), request.method or "GET", f"/{path}", form)
    return HttpResponse(response.body, status=response.status, headers=response.headers)
