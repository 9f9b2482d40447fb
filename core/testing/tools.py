"""Programs that some tests run beside Python."""

import os
import shutil

import pytest


def required_program(name: str) -> str:
    """The path of the program `name`. Without it the test is skipped, or fails where CI=true: there nothing may be."""
    path = shutil.which(name)
    if path is None:
        reason = f"needs the program {name}, which is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
