"""The demo's letter box: mails that the file backend wrote instead of sending them. Only with ``DEMO``."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ..letterbox import Letter, find, letters

# Mails carry their styles inline; nothing else of theirs may load or run.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"


@login_not_required
@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """List what was sent, to everyone or to one of them."""
    sent = letters()
    chosen = request.GET.get("to", "")
    shown = [letter for letter in sent if chosen in ("", letter.recipient)]
    recipients = sorted({letter.recipient for letter in sent})
    return render(request, "demo/mails.html", {"letters": shown, "recipients": recipients, "chosen": chosen})


@login_not_required
@require_safe
def mail(request: HttpRequest, reference: str) -> HttpResponse:
    return render(request, "demo/mail.html", {"letter": _find(reference)})


@login_not_required
@require_safe
def mail_html(request: HttpRequest, reference: str) -> HttpResponse:
    return HttpResponse(_find(reference).html, headers={"Content-Security-Policy": MAIL_POLICY})


def _find(reference: str) -> Letter:
    letter = find(reference)
    if letter is None:
        raise Http404
    return letter
