"""What is told of an engine's exceptions."""

import pytest
from polymetis._engine import said

WHERE = "Exception from src/inference/src/cpp/core.cpp:105:\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{WHERE}{WHERE}Unable to read the model. Please check it.\n\n", "Unable to read the model. Please check it."),
        (f"{WHERE}Check 'a == b' failed at src/shape.hpp:360:\nShapes {{[1],[2]}} do not fit\n", "Shapes {[1],[2]} do not fit"),
        (f"{WHERE}Summary:\n-- No conversion rule found for operations: Foo\n", "No conversion rule found for operations: Foo"),
        (f"{WHERE}Check 'a' failed at src/x.hpp:1\n", "Check 'a' failed at src/x.hpp:1"),
        ("no such file", "no such file"),
        ("", "RuntimeError"),
    ],
)
def test_the_sentence_is_told_not_the_place_in_the_engine(text, sentence):
    assert said(RuntimeError(text)) == sentence
