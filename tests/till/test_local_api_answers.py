"""What is wrong with a request is said in the product's words, whatever field has whatever value."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from pos_plugin.local_api import requests
from pos_plugin.local_api.answers import sentences

MODELS = [one for one in vars(requests).values() if isinstance(one, type) and issubclass(one, requests.Asked)]
ODD = [
    "ten",
    "",
    1.5,
    -1,
    10**30,
    True,
    None,
    [],
    {},
    [{}],
    [[]],
    [{"kind": "none"}],
    float("nan"),
    "x" * 5000,
    "\x00",
    "\ud800",
]


def problems(model: type[BaseModel]) -> list[dict[str, object]]:
    found = []
    for name, field in model.model_fields.items():
        for odd in ODD:
            try:
                model.model_validate({field.alias or name: odd})
            except ValidationError as error:
                found += [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_word_of_the_validating_library_reaches_a_client(model: type[BaseModel]) -> None:
    for one in problems(model):
        (said,) = sentences([one])
        assert one["type"] == "value_error" or str(one["msg"]) not in said
        assert "cannot be" not in said, f"there is no sentence for {one['type']}"


def test_a_line_to_print_says_which_kinds_there_are() -> None:
    with pytest.raises(ValidationError) as nothing:
        requests.PrintAsked.model_validate({"lines": [{}]})
    with pytest.raises(ValidationError) as odd:
        requests.PrintAsked.model_validate({"lines": [{"kind": "none"}]})
    said = [*sentences([{**one, "loc": ("body", *one["loc"])} for one in nothing.value.errors()])]
    assert said == ["lines[0].kind is missing"]
    (said_of_odd,) = sentences([{**one, "loc": ("body", *one["loc"])} for one in odd.value.errors()])
    assert said_of_odd.startswith("lines[0].kind must be 'text', ")
    assert said_of_odd.endswith(', not "none"')
