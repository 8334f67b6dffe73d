"""Takes docs/screenshots anew: every page of a furnished gateway, in both languages.

    python -m tests.dashboard.screenshots [--only overview] [--out docs/screenshots]

Only Chromium is needed besides the tests' own packages. Whatever a page says on its
console, and every view that is not there, is told in the end and is exit code 1.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from tests.dashboard.browser.visits import CHROMIUM, FLAGS, arrive
from tests.dashboard.exhibition import (
    ADA,
    ADDRESS,
    GRACE,
    HOST,
    NOW_NS,
    PASSWORD,
    Exhibition,
    exhibition,
)

OUT = Path(__file__).parents[2] / "docs" / "screenshots"
LOCALES = {"zh": "zh-CN", "en": "en-US"}
WIDE, PHONE = (1440, 900), (390, 844)
HEIGHT_MAX = 1200
PATIENCE_MS = 5000
# The browser's own word on an answer that is part of what is shown.
EXPECTED = "Failed to load resource"
LOADING = "[data-state=loading]:visible, .bone:visible"

Prepare = Callable[[Page], None]


@dataclass(frozen=True, slots=True)
class Shot:
    """A page and who looks at it; `shown` is there once it is what it should be."""

    name: str
    path: str
    who: str | None = None
    shown: str = "h1"
    prepare: Prepare = lambda page: None
    # Whole pages up to a limit, or what fits on the screen.
    whole: bool = True
    looks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How one looks at it: which language, how wide, how bright."""

    language: str
    size: tuple[int, int] = WIDE
    scheme: str = "light"

    @property
    def suffix(self) -> str:
        dark = "-dark" if self.scheme == "dark" else ""
        return f"{dark}-phone" if self.size == PHONE else dark


VIEWS = ("overview", "keys", "topup", "transactions", "usage", "playground", "settings")
SPECIAL = ("overview", "keys", "playground")
DESKS = ("live", "users", "candidates", "jobs", "vouchers", "orders", "acts", "config")


@dataclass(slots=True)
class Round:
    """One walk through all of it, and what was wrong on the way."""

    browser: Browser
    out: Path
    signed_in: dict[str | None, object] = field(default_factory=lambda: {None: None})
    troubles: list[str] = field(default_factory=list)

    def sign_in(self, email: str) -> None:
        """Once for all contexts: signing in is throttled."""
        with self.context(Look("zh"), None) as context:
            page = context.new_page()
            page.goto("/public/login.html")
            page.locator("#email").fill(email)
            page.locator("#password").fill(PASSWORD)
            page.keyboard.press("Enter")
            arrive(page, "/dashboard.html*")
            page.wait_for_load_state("networkidle")
            self.signed_in[email] = context.storage_state()

    @contextmanager
    def context(self, look: Look, who: str | None) -> Iterator[BrowserContext]:
        width, height = look.size
        made = self.browser.new_context(
            base_url=ADDRESS,
            locale=LOCALES[look.language],
            timezone_id="UTC",
            viewport={"width": width, "height": height},
            color_scheme="dark" if look.scheme == "dark" else "light",
            reduced_motion="reduce",
            storage_state=self.signed_in.get(who),  # type: ignore[arg-type]
        )
        try:
            yield made
        finally:
            made.close()

    def take(self, shot: Shot, look: Look) -> None:
        name = f"{shot.name}-{look.language}{look.suffix}"
        with self.context(look, shot.who) as context:
            page = context.new_page()
            page.clock.set_fixed_time(NOW_NS / 10**9)
            said: list[str] = []
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("console", lambda message: said.append(message.text))
            try:
                self.picture(page, shot, look, self.out / f"{name}.png")
            except Error as error:
                said.append(str(error).splitlines()[0])
        said = [one for one in said if EXPECTED not in one]
        self.troubles += [f"{name}: {one}" for one in said]
        click.echo(f"{'!' if said else ' '} {name}")

    def picture(self, page: Page, shot: Shot, look: Look, path: Path) -> None:
        page.goto(shot.path)
        page.locator(shot.shown).first.wait_for(timeout=PATIENCE_MS)
        settle(page)
        shot.prepare(page)
        settle(page)
        # A long page is shown on a higher screen, so that what sticks to an edge does.
        width, height = look.size
        if shot.whole:
            tall = int(page.evaluate("document.documentElement.scrollHeight"))
            height = min(max(tall, height), HEIGHT_MAX)
            page.set_viewport_size({"width": width, "height": height})
            settle(page)
        page.mouse.move(0, 0)
        page.screenshot(path=path, animations="disabled")


def settle(page: Page) -> None:
    """Nothing more is asked for, and nothing is still a skeleton."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function(
        "selector => ![...document.querySelectorAll(selector)]"
        ".some(one => one.checkVisibility())",
        arg=LOADING.replace(":visible", ""),
        timeout=PATIENCE_MS,
    )


def shots(shown: Exhibition) -> Iterator[Shot]:
    yield Shot("login", "/public/login.html", shown="#entry")
    yield Shot("register", "/public/register.html", shown="#entry")
    for name in VIEWS:
        looks = ("dark", "phone") if name in SPECIAL else ()
        prepare = chat if name == "playground" else nothing
        path = f"/public/dashboard.html#{name}"
        yield Shot(name, path, ADA, f"#{name} h1", prepare, looks=looks)
    receipt = f"/public/dashboard.html#transactions?receipt={shown.request_id}"
    yield Shot("receipt", receipt, ADA, "#receipt-body")
    yield Shot("docs", "/public/docs.html", ADA, ".chapter", nothing, whole=False)
    yield Shot("models", "/public/models.html", ADA, "details.offer")
    yield Shot("model", "/public/models.html#qwen-plus", ADA, ".offer-detail")
    yield Shot("404", "/public/nowhere.html", None, ".lost")
    for name in DESKS:
        path = f"/public/admin.html#{name}"
        yield Shot(f"admin-{name}", path, GRACE, f"#{name} h1")
    path = f"/public/admin.html#users?id={shown.user_id}"
    yield Shot("admin-user", path, GRACE, "#users [data-one] h2")


def nothing(page: Page) -> None:
    """It is what it should be as it is."""


def chat(page: Page) -> None:
    """One answer, so that tokens and cost are seen."""
    page.locator("#chat-input").fill("用一句话介绍你自己")
    page.locator("#chat-send").click()
    page.locator("#unlock-password").fill(PASSWORD)
    page.locator("#unlock-dialog [type=submit]").click()
    page.locator("#talk").get_by_text("$").wait_for(timeout=PATIENCE_MS)
    page.locator("#chat-send").wait_for(timeout=PATIENCE_MS)


def looks_at(shot: Shot) -> Iterator[Look]:
    for language in LOCALES:
        yield Look(language)
    if "dark" in shot.looks:
        yield Look("zh", scheme="dark")
    if "phone" in shot.looks:
        yield Look("zh", PHONE)


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=OUT,
    help="Folder that they are written to.",
)
@click.option("--only", multiple=True, help="Take these by name and no others.")
def main(out: Path, only: tuple[str, ...]) -> None:
    """Take the screenshots of the documentation anew."""
    if CHROMIUM is None:
        raise click.ClickException("no chromium on the path: apt-get install chromium")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as data, exhibition(Path(data)) as shown:
        # The address of the examples is a name that means this machine.
        flags = [
            *FLAGS,
            f"--host-resolver-rules=MAP {HOST}:80 127.0.0.1:{shown.port}",
            f"--unsafely-treat-insecure-origin-as-secure={ADDRESS}",
        ]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            walk = Round(browser, out)
            walk.sign_in(ADA)
            walk.sign_in(GRACE)
            for shot in shots(shown):
                if only and shot.name not in only:
                    continue
                for look in looks_at(shot):
                    walk.take(shot, look)
            browser.close()
    for trouble in walk.troubles:
        click.echo(trouble, err=True)
    sys.exit(1 if walk.troubles else 0)


if __name__ == "__main__":
    main()
