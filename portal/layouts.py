"""How crispy lays a form out here."""

from __future__ import annotations

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout


def plain(layout: Layout) -> FormHelper:
    """Lay out fields only: the page writes the form element, its buttons and the error summary."""
    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    helper.form_show_errors = True
    helper.layout = layout
    return helper
