"""The WSGI entry point: production settings, and no start on a database whose triggers do not match the models."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from audit.triggers import require_current_triggers

require_current_triggers()
