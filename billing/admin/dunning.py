"""The ladder and who stands on it; a published policy is never edited, a change is a new version."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from ..models import CurrencyFloor, DunningCase, DunningPolicy, DunningStep
from .forms import FloorForm
from .showing import Kept, KeptInline, Part, Shown


class StepInline(KeptInline):
    model = DunningStep
    fields = ["act", "day", "lead_days"]


@admin.register(DunningPolicy)
class DunningPolicyAdmin(Kept):
    list_display = ["name", "version", "collection_method", "published_at"]
    list_filter = ["collection_method"]
    search_fields = ["name"]
    inlines = [StepInline]


@admin.register(DunningStep)
class DunningStepAdmin(Part):
    list_display = ["policy", "act", "day", "lead_days"]
    list_select_related = ["policy"]
    list_filter = ["act"]


@admin.register(DunningCase)
class DunningCaseAdmin(Kept):
    list_display = ["account", "seller", "currency", "state", "anchor", "step_day", "opened_at", "next_action_at"]
    list_select_related = ["account", "seller", "anchor"]
    list_filter = ["state", "opened_at", "next_action_at"]
    search_fields = ["^account__reference", "account__legal_name", "^anchor__number"]


@admin.register(CurrencyFloor)
class CurrencyFloorAdmin(Shown):
    form = FloorForm
    list_display = ["currency", "smallest_case_shown", "smallest_suspension_shown", "suspension_regardless_days"]
    search_fields = ["currency"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["currency"] if obj else []
