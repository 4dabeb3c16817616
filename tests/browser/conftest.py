"""A person in front of the labelling page, in a browser without a window."""

import contextlib
import json
import shutil
import time

import pytest

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1280,900"),
)
_PATIENCE = 15  # seconds
_SHOWN = "return document.querySelector('#stage img')?.alt.replace('Image to label: ', '')"
_ENTER = "\ue007"


class Person:
    """A browser, and what somebody does with it."""

    def __init__(self, folder):
        reason = "needs chromium, chromedriver and selenium: tools/browser.sh"
        self._webdriver = pytest.importorskip("selenium.webdriver", reason=reason)
        self._errors = pytest.importorskip("selenium.common.exceptions", reason=reason)
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if not (chromium and driver):
            pytest.skip(reason)
        options = self._webdriver.ChromeOptions()
        options.binary_location = chromium
        options.unhandled_prompt_behavior = "accept"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in (*_FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        self.driver = self._webdriver.Chrome(options, self._webdriver.ChromeService(driver))

    def open(self, url, name="Ann"):
        self.driver.get("about:blank")
        self.driver.get(url)
        if name:
            self.wait("document.querySelector('#ask-name[open]')")
            self.press(*name, _ENTER)
            self.wait_for_image()
        return self

    def press(self, *keys):
        for key in keys:
            self._webdriver.ActionChains(self.driver, duration=0).send_keys(key).perform()

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def click(self, selector):
        for _ in range(5):
            self.wait(f"document.querySelector({json.dumps(selector)})")
            # The page may show a list again between finding an element and the click.
            with contextlib.suppress(self._errors.StaleElementReferenceException):
                self.driver.find_element("css selector", selector).click()
                return
        raise AssertionError(f"{selector} does not stay for a click")

    def text(self, selector):
        return self.script(f"return document.querySelector({json.dumps(selector)}).innerText")

    def wait(self, condition):
        end = time.monotonic() + _PATIENCE
        while not (value := self.script(f"return {condition}")):
            page = self.script("return document.body.innerText")
            assert time.monotonic() < end, f"not {condition}: {page[:2000]}"
            time.sleep(0.02)
        return value

    def wait_for_text(self, selector, text):
        self.wait(
            f"document.querySelector({json.dumps(selector)}).innerText.includes({json.dumps(text)})"
        )

    def wait_for_image(self):
        self.wait("!document.querySelector('#answers').classList.contains('waiting')")
        return self.script(_SHOWN)

    def wait_until_saved(self):
        self.wait_for_text("#saving", "Saved")

    def label(self, key_of):
        """Presses the key for the image that is shown."""
        item = self.wait_for_image()
        self.press(key_of(item))
        return item


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Ann's browser."""
    person = Person(tmp_path_factory.mktemp("ann"))
    yield person
    person.driver.quit()


@pytest.fixture
def second_person(tmp_path):
    """Another browser, with storage and cookies of its own."""
    person = Person(tmp_path / "ben")
    yield person
    person.driver.quit()
