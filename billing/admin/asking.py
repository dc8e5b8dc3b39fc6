"""Acts on one row that ask for something first: a page with a form, posted back to the same act of the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from .showing import Kept


class Refused(Exception):
    """The act was refused, with words for the person who asked."""


def ask_first(
    model_admin: Kept,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    form: Callable[..., forms.Form],
    act: str,
    do: Callable[[Any, dict[str, Any]], Any],
) -> HttpResponse | None:
    """
    Show the form for the one chosen row, or act when it was filled in.

    ``form`` is called with the row and, when posted, the data; ``do`` with the row and what
    was typed, and returns what to tell.
    """
    row = rows.first()
    if row is None or rows.count() != 1:
        messages.warning(request, _("Choose one row."))
        return None
    asked = "asked" in request.POST
    filled = form(row, request.POST) if asked else form(row)
    if asked and filled.is_valid():
        model_admin.log_change(request, row, act)
        try:
            messages.success(request, do(row, filled.cleaned_data))
        except Refused as refusal:
            messages.error(request, str(refusal))
        return None
    name = request.POST["action"]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": getattr(model_admin, name).short_description,
        "opts": model_admin.opts,
        "row": row,
        "form": filled,
        "action": name,
    }
    return TemplateResponse(request, "admin/billing/ask.html", context)
