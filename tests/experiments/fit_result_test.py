import dataclasses
import json

import pytest

from dbal_tf.core import InputError
from dbal_tf.experiments.fit_result import FitResult, read_result

RESULT = FitResult(
    system="vat",
    schedule="tiny",
    hyper_parameters={"widths": [4, 2]},
    seed=1,
    dataset="digits",
    dataset_checksum="c" * 64,
    labels_sha256="d" * 64,
    bought_by="",
    error=0.05,
    validation_error=0.04,
    seconds=90.0,
    labels=100,
    unlabelled=900,
    validation=200,
    versions={"commit": "abc", "dbal_tf": "0.1.0"},
    started="2026-01-01 00:00:00+00:00",
    ended="2026-01-01 00:01:30+00:00",
    chosen={"epsilon": 1.5},
)


def test_a_result_reads_back_equal(tmp_path):
    assert read_result(tmp_path) is None
    (tmp_path / "result.json").write_text(RESULT.to_json())
    assert read_result(tmp_path) == RESULT


def test_results_older_than_what_was_chosen_are_read(tmp_path):
    fields = dataclasses.asdict(RESULT)
    del fields["chosen"]
    (tmp_path / "result.json").write_text(json.dumps(fields))
    assert read_result(tmp_path) == dataclasses.replace(RESULT, chosen={})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "must be a mapping"),
        ("{}", "missing 17 required"),
        (json.dumps({**dataclasses.asdict(RESULT), "error": 5}), "error is 5, not from 0 to 1"),
        (RESULT.to_json().replace("0.04", "NaN"), "validation_error is nan"),
        (RESULT.to_json().replace("90.0", "-1"), "seconds is -1"),
        (RESULT.to_json().replace("0.05", '"low"'), "not supported"),
        (RESULT.to_json().replace("digits", "\ud800"), "cannot be read"),
    ],
)
def test_what_is_no_result_is_named_in_one_sentence(tmp_path, text, why):
    path = tmp_path / "result.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match=why) as error:
        read_result(tmp_path)
    assert str(error.value).startswith(f"{path} cannot be read (")
    assert str(error.value).endswith("remove it to fit again.")
