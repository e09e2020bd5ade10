"""A person at a browser: Debian's Chromium, in Chinese, without a window; for tests and screenshots."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_PATIENCE_MS = 30_000


class Visitor:
    """Opens pages of one Airflow and waits for what they must show."""

    def __init__(self, page: Page, url: str) -> None:
        """Take the browser's page and the address of Airflow."""
        self.page, self.url = page, url
        page.set_default_timeout(_PATIENCE_MS)

    def log_in(self, user: str, password: str) -> None:
        """Fill in the login form that stands where the visitor was going, and wait for what lies behind it."""
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.click("input[type=submit], button[type=submit]")
        self.page.wait_for_url(lambda address: "/auth/login" not in address)

    def open(self, path: str, *texts: str) -> None:
        """Open a page and wait until it shows each of the texts."""
        self.page.goto(f"{self.url}{path}")
        self.see(*texts)

    def see(self, *texts: str) -> None:
        """Wait until the page, or a page framed in it, shows each of the texts."""
        deadline = time.monotonic() + _PATIENCE_MS / 1000
        while missing := [text for text in texts if text not in self.read()]:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.page.url} does not show {missing}; it shows: {self.read()[:2000]}")
            self.page.wait_for_timeout(200)

    def read(self) -> str:
        """Return what the page and the pages framed in it show as text."""
        try:
            return "\n".join(frame.locator("body").inner_text() for frame in self.page.frames)
        except Error:
            return ""  # a frame is just being replaced

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG when nothing moves any more."""
        self.page.wait_for_load_state("networkidle")
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=path, full_page=whole, animations="disabled")


@contextmanager
def visitor(url: str, width: int = 1360, height: int = 860) -> Iterator[Visitor]:
    """Yield a person who has just opened a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        context = browser.new_context(
            locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": width, "height": height}
        )
        try:
            yield Visitor(context.new_page(), url)
        finally:
            browser.close()
