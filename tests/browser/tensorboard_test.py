"""A run as TensorBoard shows it, in a browser without a window.

Needs Chromium, its driver and selenium (`tools/browser.sh`). DBAL_SCREENSHOTS
names a folder to keep a picture of every page in.
"""

import functools
import os
import pathlib
import shutil
import time

import pytest
from absl.flags import argparse_flags
from tensorboard import program

from dbal_tf.config import Config
from dbal_tf.experiments.engine import run

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: tools/browser.sh")

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (_CHROMIUM and _DRIVER), reason="needs chromium and chromedriver: tools/browser.sh"
)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1400,1000"),
)
_SECONDS = 60
# The text of a page, that below shadow roots included.
_TEXT = """
function text(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (["SCRIPT", "STYLE", "TEMPLATE"].includes(node.nodeName)) return "";
  const nodes = [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes];
  return nodes.map(text).join(" ");
}
return text(document.body).replace(/\\s+/g, " ");
"""
_COUNT = """
function count(node) {
  const nodes = [...(node.shadowRoot ? node.shadowRoot.children : []), ...node.children];
  const own = node.matches && node.matches(arguments_selector) ? 1 : 0;
  return nodes.reduce((sum, below) => sum + count(below), own);
}
const arguments_selector = arguments[0];
return count(document.body);
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, no_exports):
    """Two techniques on digits, two queries each."""
    folder = tmp_path_factory.mktemp("browser") / "run"
    config = Config(
        dataset="digits",
        acquisition=("bald", "random"),
        rounds=2,
        epochs=3,
        num_samples=5,
        pool_subset=100,
        run_dir=str(folder),
    )
    run(config, lambda _: None)
    return folder


@pytest.fixture(scope="module")
def url(folder):
    board = program.TensorBoard()
    # TensorBoard takes the flags of the process for its own; ours have a --port, too.
    parser = functools.partial(argparse_flags.ArgumentParser, inherited_absl_flags=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse_flags, "ArgumentParser", parser)
        board.configure(logdir=str(folder), host="127.0.0.1", port=0, load_fast="false")
    return board.launch()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(_DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, url):
    """Opens a page of TensorBoard and waits until it shows all of some texts."""

    def open_page(name, *texts):
        browser.get("about:blank")
        browser.get(f"{url}#{name}")
        end, text = time.monotonic() + _SECONDS, ""
        while not all(expected in text for expected in texts):
            assert time.monotonic() < end, f"{texts} are not all in {text[:3000]!r}"
            time.sleep(0.2)
            text = browser.execute_script(_TEXT)
        return text

    yield open_page
    if pictures := os.environ.get("DBAL_SCREENSHOTS"):
        time.sleep(2)
        name = browser.current_url.rpartition("#")[2].partition("&")[0]
        browser.save_screenshot(str(pathlib.Path(pictures) / f"{name}.png"))


def _wait_for(browser, selector, number):
    end, found = time.monotonic() + _SECONDS, 0
    while found < number:
        assert time.monotonic() < end, f"{found} of {number} {selector}"
        time.sleep(0.2)
        found = browser.execute_script(_COUNT, selector)


def test_scalars_of_all_runs(page, browser):
    runs = ("bald/0/tensorboard", "random/0/tensorboard")
    text = page("scalars", "error", "nll", "brier", "ece", "deterministic_error", *runs)
    assert "auc" in text
    _wait_for(browser, "svg", 5)


def test_images_that_were_bought(page, browser):
    page("images", "bought", "bought_per_class", "reliability", "bald/0/tensorboard")
    _wait_for(browser, "img", 2)


def test_histograms_of_scores_and_picks(page, browser):
    page("histograms", "scores", "bought_scores", "bought_classes")
    _wait_for(browser, "svg", 3)


def test_hparams_compare_the_techniques(page):
    text = page("hparams", "acquisition", "bald", "random", "learning_rate")
    assert "error" in text


def test_text_is_the_flags_and_the_lineage(page):
    page("text", "--acquisition=bald", "--pool_subset=100", "lineage", "tensorflow", "labels")
