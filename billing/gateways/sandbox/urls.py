"""Mount the hosted pages at ``factory.MOUNT``."""

from __future__ import annotations

from django.urls import path

from .django_view import page

app_name = "sandbox"

urlpatterns = [path("<path:path>", page, name="page")]
