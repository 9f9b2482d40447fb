"""The WSGI entry point: production settings, and no start on a database whose triggers do not match the models."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fintrack.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from django.db import connection

from audit.triggers import require_current_triggers

require_current_triggers()
connection.close()  # a server that loads the program once and forks (gunicorn --preload) must not share it
