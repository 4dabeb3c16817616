import pytest

from dbal_tf.labelling import wire
from dbal_tf.labelling.wire import Refused, Told

BODY = {"item": "a", "answer": 1, "annotator": " ann ", "seconds": 2, "id": "u"}


def test_an_answer_is_read():
    assert wire.told(BODY, 3, "") == Told(("a",), 1, "ann", 2, "u")
    many = {"items": ["a", "b"], "answer": "unsure", "annotator": "ann"}
    assert wire.told(many, 3, "") == Told(("a", "b"), "unsure", "ann", None, "")


def test_a_fixed_annotator_counts_whatever_is_sent():
    assert wire.told(BODY | {"annotator": None}, 3, "bob").annotator == "bob"


def test_too_many_items_are_refused():
    with pytest.raises(Refused, match="1 to 500"):
        wire.told(BODY | {"items": [str(n) for n in range(501)]}, 3, "")


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1_0", "٣", "11", "1" * 5000])
def test_a_number_out_of_range_is_refused(text):
    with pytest.raises(Refused, match="from 0 to 10"):
        wire.whole_number({"count": text}, "count", 4, 10)


def test_a_number_has_a_default():
    assert wire.whole_number({}, "count", 4, 10) == 4
    assert wire.whole_number({"count": "10"}, "count", 4, 10) == 10


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"a": NaN}', b"\xff", b"[" * 50_000])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(Refused):
        wire.parse(body)
