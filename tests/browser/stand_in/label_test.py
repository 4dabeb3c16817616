"""The labelling page in a browser without a window, against a stand-in for the program.

Needs Chromium, its driver and selenium (`tools/browser.sh`).
"""

import time

import pytest

_BACKSPACE, _ENTER, _ESCAPE = "\ue003", "\ue007", "\ue00c"


@pytest.fixture(autouse=True)
def nothing_breaks_the_policy(person):
    yield
    lines = [line["message"] for line in person.driver.get_log("browser")]
    errors = [line for line in lines if "Security" in line or "Uncaught" in line]
    assert not errors, errors


def key_of(server):
    """The key of an item's true class: 1 for digit 0, and so on."""
    return lambda item: server.keys[server.truth[server.items.index(item)]]


def true_answers(server, items):
    return {item: server.truth[server.items.index(item)] for item in items}


def test_answers_by_keyboard_only(person, label_server):
    server = label_server()
    person.open(server.url)
    assert "token" not in person.driver.current_url
    items = [person.label(key_of(server)) for _ in range(12)]
    person.wait_until_saved()
    assert [row["items"] for row in server.rows] == [[item] for item in items]
    assert server.answers == true_answers(server, items)
    assert all(row["annotator"] == "Ann" for row in server.rows)
    person.wait_for_text("#label .status", "12 of 200")


def test_undo_skip_unsure_and_what_comes_again(person, label_server):
    server = label_server()
    person.open(server.url)
    first, second = (person.label(lambda _: "4") for _ in range(2))
    assert person.wait_for_image() not in (first, second)
    person.press(_BACKSPACE, _BACKSPACE)
    assert person.wait_for_image() == first, "the newest answer was taken back first"
    assert "Answer so far: 3" in person.text("#use")
    assert person.label(lambda _: "1") == first
    assert person.label(lambda _: "s") == second
    third = person.label(lambda _: " ")
    person.wait_until_saved()
    assert server.answers == {first: 0, second: "skipped", third: "unsure"}
    for which, item, key in (("skipped", second, "6"), ("unsure", third, "7")):
        person.press("l")
        person.click(f"[data-which={which}]")
        person.wait_for_text("#lists-hint", "1 image.")
        person.click("#lists-start")
        assert person.label(lambda _, key=key: key) == item
    person.wait_until_saved()
    assert server.answers == {first: 0, second: 5, third: 6}


def test_undo_works_after_a_reload(person, label_server):
    server = label_server()
    person.open(server.url)
    items = [person.label(lambda _: "2") for _ in range(3)]
    person.wait_until_saved()
    person.driver.refresh()
    assert person.wait_for_image() not in items
    assert person.text("#annotator") == "Ann"
    person.press("u")
    person.wait_for_text("#item", items[2])
    assert person.label(lambda _: "3") == items[2]
    person.wait_until_saved()
    assert server.answers == dict(zip(items, (1, 1, 2), strict=True))


def rename(person, *keys):
    person.click("#annotator")
    person.wait("document.querySelector('#ask-name[open]')")
    person.press(*keys)
    person.wait("!document.querySelector('#ask-name[open]')")


def test_undo_is_of_the_answers_under_ones_name(person, label_server):
    server = label_server()
    person.open(server.url)
    first, second = (person.label(lambda _: "2") for _ in range(2))
    person.wait_until_saved()
    rename(person, *"Ben", _ENTER)
    # The page learns the name a moment after the dialog has gone.
    person.wait_for_text("#annotator", "Ben")
    assert person.text("#last") == ""
    person.press("u")
    person.wait_for_text("#notice", "no answer to take back")
    assert server.answers == {first: 1, second: 1}
    rename(person, *"Ann", _ENTER)
    person.wait_for_text("#annotator", "Ann")
    person.press("u")
    person.wait_for_text("#item", second)
    person.wait_until_saved()
    assert server.answers == {first: 1}


def test_a_new_name_gets_images_of_its_own_though_a_request_is_on_its_way(person, label_server):
    server = label_server()
    person.open(server.url)
    person.click("#annotator")
    person.wait("document.querySelector('#ask-name[open]')")
    server.delay = 1.0
    visible = "document.dispatchEvent(new Event('visibilitychange'))"
    person.script(visible)  # The page asks for images, to renew its leases.
    person.press(*"Ben", _ENTER)
    person.script(visible)
    time.sleep(3)
    assert server.leases[person.wait_for_image()][0] == "Ben"


def test_escape_keeps_the_name(person, label_server):
    person.open(label_server().url)
    rename(person, *"Be", _ESCAPE)
    assert person.text("#annotator") == "Ann"


def test_undo_is_sent_once_though_its_reply_is_lost(person, label_server):
    server = label_server()
    person.open(server.url)
    items = [person.label(lambda _: "2") for _ in range(3)]
    person.wait_until_saved()
    server.lose = 2
    person.press("u")
    person.wait_until_saved()
    assert server.answers == dict.fromkeys(items[:2], 1)
    assert person.wait_for_image() == items[2]


_DIMMED = """
const dimmed = document.querySelectorAll("#label [aria-disabled=true]");
return [...dimmed].map((button) => button.innerText);
"""


def test_what_cannot_be_pressed_is_said_and_what_is_saved_is_not(person, label_server):
    server = label_server(classes=("cat", "dog"))
    person.open(server.url)
    assert person.script(_DIMMED) == []
    server.delay = 0.5
    person.press(*"1111")
    assert [text.split()[-1] for text in person.script(_DIMMED)] == ["cat", "dog", "Unsure"]
    server.delay = 0.0
    person.wait_for_image()
    person.wait_until_saved()
    assert person.script(_DIMMED) == []
    speaking = "return document.querySelector('#saving, #grid-count').closest('[role=status]')"
    assert person.script(speaking) is None
    assert person.text("#said") == "Answered: cat."
    server.down = True
    person.press("1")
    person.wait_for_text("#said", "1 not saved yet · trying again")
    server.down = False
    person.wait_for_text("#said", "Saved")


def test_answers_wait_while_the_program_is_away_and_survive_a_reload(person, label_server):
    server = label_server()
    person.open(server.url)
    before = [person.label(key_of(server)) for _ in range(2)]
    person.wait_until_saved()
    server.down = True
    during = [person.label(key_of(server)) for _ in range(3)]
    person.wait_for_text("#saving", "3 not saved yet")
    person.driver.refresh()
    person.wait_for_text("#notice", "does not answer")
    server.down = False
    person.wait_for_image()
    after = [person.label(key_of(server)) for _ in range(3)]
    person.wait_until_saved()
    assert server.answers == true_answers(server, before + during + after)
    assert len(server.rows) == 8


def test_lost_replies_double_nothing(person, label_server):
    server = label_server()
    person.open(server.url)
    items = []
    for _ in range(5):
        server.lose = 1
        items.append(person.label(key_of(server)))
    person.wait_until_saved()
    assert [row["items"] for row in server.rows] == [[item] for item in items]


def test_what_is_refused_is_said_and_comes_back(person, label_server):
    server = label_server()
    person.open(server.url)
    server.refuse = "got 3; expected an open item; choose another"
    refused = person.label(lambda _: "4")
    person.wait_for_text("#notice", "“3” was not saved: got 3; expected an open item")
    items = []
    while refused not in items:
        assert len(items) < 10
        items.append(person.label(key_of(server)))
    person.wait_until_saved()
    assert server.answers == true_answers(server, items)


def test_one_key_answers_all_images_alike(person, label_server):
    server = label_server()
    person.open(server.url)
    current = person.wait_for_image()
    person.press("g")
    person.wait("document.querySelectorAll('#grid-tiles img').length == 24")
    person.click("#grid-tiles button:nth-child(3)")
    left_out = person.script("return document.querySelector('[aria-pressed=false] img').alt")
    person.press("1")
    person.wait_until_saved()
    (row,) = server.rows
    assert len(row["items"]) == 23 and row["items"][0] == current
    assert left_out not in row["items"] and row["answer"] == 0
    person.press("u")
    assert person.wait_for_image() == current
    person.wait_until_saved()
    assert server.answers == {}


_FAST = "const slow = setInterval; setInterval = (act, wait) => slow(act, wait / 100);"


def test_an_open_grid_keeps_its_images_and_leaves_out_what_others_got(person, label_server):
    server = label_server()
    name = "Page.addScriptToEvaluateOnNewDocument"
    script = person.driver.execute_cdp_cmd(name, {"source": _FAST})
    try:
        person.open(server.url)
    finally:
        person.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    person.press("g")
    person.wait("document.querySelectorAll('#grid-tiles img').length == 24")
    alts = "return [...document.querySelectorAll('#grid-tiles img')].map((image) => image.alt)"
    shown = person.script(alts)[1:]
    for _ in range(100):
        if {server.leases.get(item, ("",))[0] for item in shown} == {"Ann"}:
            break
        time.sleep(0.1)
    assert {server.leases[item][0] for item in shown} == {"Ann"}
    server.leases |= {shown[3]: ("Ben", time.monotonic() + 120)}
    person.wait("document.querySelectorAll('#grid-tiles img').length == 23")
    person.press(_ESCAPE)
    time.sleep(1)
    server.leases.clear()
    time.sleep(1)
    assert shown[4] not in server.leases, "a closed grid keeps its images"


def test_corrections_from_the_list_of_the_model(person, label_server):
    server = label_server()
    person.open(server.url)
    items = [person.label(key_of(server)) for _ in range(4)]
    wrong = person.label(lambda _: "8" if key_of(server)(_) != "8" else "9")
    person.wait_until_saved()
    person.press("l")
    person.click("[data-which=disagreements]")
    person.click("#lists-tiles .tile")
    person.wait_for_text("#review", "The model disagrees: 1 of 1")
    assert person.label(key_of(server)) == wrong
    person.wait_until_saved()
    assert server.answers == true_answers(server, [*items, wrong])


def test_signed_out_answers_wait_for_the_new_address(person, label_server):
    server = label_server()
    person.open(server.url)
    person.wait_for_image()
    server.sign_all_out()
    item = person.label(key_of(server))
    person.wait_for_text("#notice", "signed out")
    person.wait_for_text("#saving", "1 not saved yet")
    person.driver.get(server.url)
    person.wait_until_saved()
    assert server.answers == true_answers(server, [item])


def test_without_a_token_the_page_says_what_to_do(person, label_server):
    server = label_server()
    person.driver.get("about:blank")
    person.driver.delete_all_cookies()
    person.driver.get(server.url.partition("#")[0])
    person.wait_for_text("#notice", "Open the address that the labelling program printed")
    person.driver.get(server.url)
    person.wait("document.querySelector('#ask-name[open]')")


def test_waiting_and_done(person, label_server):
    server = label_server(3)
    person.open(server.url)
    server.state = "training"
    for _ in range(3):
        person.label(lambda _: "1")
    person.wait_for_text("#message", "The network is being trained")
    server.state = "stopped"
    person.wait_for_text("#message", "The run is stopped")
    person.wait_for_text("#message", "python -m dbal_tf.main --flagfile=runs/a/flags.cfg")
    server.query, server.state = [], "done"
    person.wait_for_text("#message", "Done")


def test_a_held_key_answers_once(person, label_server):
    server = label_server()
    person.open(server.url)
    person.wait_for_image()
    event = {"type": "keyDown", "key": "1", "code": "Digit1", "text": "1"}
    for repeat in (False, True, True, True):
        event["autoRepeat"] = repeat
        person.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        time.sleep(0.2)
    person.wait_until_saved()
    assert len(server.rows) == 1


def test_an_image_that_is_not_there_yet_is_not_answered(person, label_server):
    server = label_server()
    person.open(server.url)
    person.wait_for_image()
    server.delay = 0.5
    person.press(*"111111")
    person.wait_until_saved()
    shown = len(server.rows)
    assert 1 <= shown <= 4, "three images were prefetched"


def test_space_after_a_click_means_unsure(person, label_server):
    server = label_server()
    person.open(server.url)
    person.click("#classes button:nth-child(3)")
    person.wait_for_image()
    person.press(" ")
    person.wait_until_saved()
    assert [row["answer"] for row in server.rows] == [2, "unsure"]


def test_keys_can_be_assigned_and_stay(person, label_server):
    server = label_server(classes=tuple(f"class {number}" for number in range(14)))
    person.open(server.url)
    keys = "return [...document.querySelectorAll('#classes kbd')].map((key) => key.innerText)"
    assert person.script(keys) == [*"1234567890QWER"]
    person.click("#open-keys")
    person.click("#keys .list button:nth-child(2)")
    person.press("u")
    person.wait_for_text("#keys-hint", "U is taken")
    person.press("1")
    person.press(_ESCAPE)
    assert person.script(keys) == [*"2134567890QWER"], "class 0 has got the key of class 1"
    person.driver.refresh()
    person.wait_for_image()
    assert person.script(keys) == [*"2134567890QWER"]
    person.label(lambda _: "r")
    person.label(lambda _: "1")
    person.wait_until_saved()
    assert [row["answer"] for row in server.rows] == [13, 1]


def test_names_of_classes_and_files_are_text(person, label_server):
    bad = "<img src=x onerror=document.title='bad'>"
    server = label_server(classes=(bad, "b&b"))
    server.items = [f"{bad} \"'%2F ? # é {number}.png" for number in range(200)]
    server.query = list(server.items)
    person.open(server.url)
    items = [person.label(lambda _: "1") for _ in range(2)]
    for key in "glp?":
        person.press(key)
        time.sleep(0.2)
    person.wait_until_saved()
    assert list(server.answers) == items == server.items[:2]
    assert person.script("return document.title") != "bad"


def test_zoom_brightness_and_contrast_stay(person, label_server):
    server = label_server()
    person.open(server.url)
    person.press("+", "+", "b", "C", "\ue012")
    style = "return document.querySelector('#stage img').getAttribute('style')"
    first = person.script(style)
    assert "scale(1.5625)" in first and "brightness(110%) contrast(90%)" in first
    person.label(lambda _: "1")
    person.wait_for_image()
    assert person.script(style) == first
    person.driver.refresh()
    person.wait_for_image()
    assert person.script(style) == first
    person.press("v")
    assert "scale(1)" in person.script(style)


_SIZES = """
const wide = document.documentElement.scrollWidth - innerWidth;
const small = [...document.querySelectorAll("button")].filter((button) => {
  const { width, height } = button.getBoundingClientRect();
  return width && (width < 36 || height < 36);
});
return [wide, small.map((button) => button.outerHTML)];
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_every_view_fits(person, label_server, width):
    server = label_server()
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    person.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        person.open(server.url)
        box = "return JSON.stringify(document.querySelector('#stage').getBoundingClientRect())"
        place = person.script(box)
        server.refuse = "got a long sentence; " * 8
        person.label(lambda _: "1")
        person.wait_for_text("#notice", "long sentence")
        assert person.script(box) == place, "the image has moved"
        for key in (_ESCAPE, "g", "l", "p", _ESCAPE, "?"):
            person.press(key)
            time.sleep(0.3)
            assert person.script(_SIZES) == [0, []], key
    finally:
        person.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
