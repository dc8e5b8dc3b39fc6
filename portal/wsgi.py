"""The WSGI entry point: ``gunicorn portal.wsgi``. What would run unsafely does not start: one line, exit code 2."""

from __future__ import annotations

import os
import sys

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


def start() -> WSGIHandler:
    """Return the application, unless its settings cannot be read or a system check refuses them."""
    try:
        ready = get_wsgi_application()
    except ImproperlyConfigured as error:
        sys.stderr.write(f"paidup: settings: {error}\n")
        sys.exit(2)
    refused = [message for message in checks.run_checks() if message.is_serious()]
    for message in refused:
        sys.stderr.write(f"paidup: {message.id}: {message.msg} {message.hint or ''}\n")
    if refused:
        sys.exit(2)
    return ready


application = start()
