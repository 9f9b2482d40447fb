"""A real browser, for the tests of what people click, type and read."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import PASSWORD
from core.testing.tools import required_program
from fintrack.tests.browsing import CHROMIUM


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    # Playwright's loop runs in this thread, and Django takes that for an asynchronous caller.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, as its package has it."""
    folder = tmp_path_factory.mktemp("axe") / "package"
    shutil.copytree(Path(__file__).parent / "axe", folder)
    subprocess.run([required_program("npm"), "ci", "--no-progress"], cwd=folder, check=True, timeout=300)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture
def sign_in(chromium: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """A page of whoever signs in. A request that leaves the machine, or an error in a script, fails the test."""
    contexts = []
    complaints: list[str] = []

    def complain_about_strangers(request: Any) -> None:
        if not request.url.startswith((live_server.url, "data:", "blob:")):
            complaints.append(request.url)

    def open_page(user: User, **options: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", complain_about_strangers)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/admin/")
        page.fill("#id_username", user.email)
        page.fill("#id_password", PASSWORD)
        page.press("#id_password", "Enter")
        page.wait_for_selector("#nav-sidebar-inner", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
