"""Whatever a command and its values hold: nothing is left over, nothing is lost, and a path stays one word."""

import shlex
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.errors import InputError
from landbridge.domain.expressions import Declared, faults, references, render

NAMES = st.sampled_from(["a", "b", "model", "x_1"])
PLAIN = st.text(alphabet=string.ascii_letters + " -/=.\n", max_size=8)
ANYTHING = st.text(alphabet="ab ${}[]'\"\\\n#.inputs", max_size=30)
EXPRESSIONS = st.builds(
    "${{{{{}{}.{}{}}}}}".format,
    st.sampled_from(["", " "]),
    st.just("inputs"),
    NAMES,
    PLAIN.map(lambda text: " " if text.isspace() else ""),
)
PARTS = st.lists(st.one_of(PLAIN, EXPRESSIONS), max_size=4).map("".join)
COMMANDS = st.lists(st.one_of(PLAIN, EXPRESSIONS, PARTS.map("$[[{}]]".format)), max_size=6).map("".join)
PATHS = st.text(alphabet="ab /'\"\\$`*;#&|<>()\n\tü", min_size=1, max_size=12)
VALUES = st.dictionaries(NAMES, st.sampled_from(["1", "v", "/data/x"]))


@given(COMMANDS, st.fixed_dictionaries({name: st.just("v") for name in ("a", "b", "model", "x_1")}))
def test_no_expression_is_left_when_every_value_is_given(command: str, values: dict[str, str]) -> None:
    rendered = render(command, values, {})
    assert "${{" not in rendered
    assert "$[[" not in rendered


@given(COMMANDS, VALUES)
def test_a_command_renders_or_names_what_is_missing(command: str, values: dict[str, str]) -> None:
    needed = {item.name for item in references(command) if item.part < 0}
    if needed <= set(values):
        assert "${{" not in render(command, values, {})
    else:
        with pytest.raises(InputError, match="has no value"):
            render(command, values, {})


@given(PLAIN)
def test_text_without_expressions_comes_out_as_it_went_in(text: str) -> None:
    assert render(text, {}, {}) == text
    assert references(text) == ()


@given(PLAIN, PLAIN, PLAIN)
def test_an_optional_part_vanishes_whole_or_stays_whole(before: str, inside: str, after: str) -> None:
    command = f"{before}$[[{inside}${{{{inputs.a}}}}]]{after}"
    assert render(command, {}, {}) == before + after
    assert render(command, {"a": "v"}, {}) == f"{before}{inside}v{after}"


@given(PATHS)
def test_a_path_is_one_word_for_the_shell(path: str) -> None:
    assert shlex.split(render("${{inputs.a}}", {"a": path}, {})) == [path]
    assert shlex.split(render("x'${{inputs.a}}'y", {"a": path}, {})) == [f"x{path}y"]


@given(st.text(max_size=30))
def test_a_literal_goes_in_byte_for_byte(value: str) -> None:
    assert render("<${{inputs.a}}>", {"a": value}, {}, {"a"}) == f"<{value}>"


@given(ANYTHING)
def test_any_text_gets_an_answer_and_clean_commands_render(text: str) -> None:
    names = {item.name for item in references(text) if item.kind == "inputs"}
    declared = Declared(inputs=("a", "b"), outputs=(), optional={"a"}, unset={"a"})
    if not faults(text, declared):
        assert names <= {"a", "b"}
        render(text, {"b": "v"}, {})
