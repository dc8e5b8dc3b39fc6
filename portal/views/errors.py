"""
The page for what went wrong with us.

It asks nothing of the database, which may be what is wrong, and says whether a payment
may have been made.
"""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import server_error

COME_BACK_SECONDS = 60


def went_wrong(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 with the time to come back when the database could not be asked."""
    response = server_error(request)
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        response.status_code = 503
        response.headers["Retry-After"] = str(COME_BACK_SECONDS)
    return response
