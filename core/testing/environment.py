"""A pytest plugin that sets the environment of the tests before the settings are read."""

import os

os.environ.setdefault("DEBUG", "on")
