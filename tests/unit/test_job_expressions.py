"""Values enter a command: literals as they are, paths as one word of the shell, optional parts only with a value."""

import subprocess
from pathlib import Path

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.expressions import Declared, faults, references, render


def shell(command: str) -> list[str]:
    """What a program called `show` would get as its arguments."""
    script = f"show() {{ printf '%s\\n' \"$@\"; }}; {command}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.splitlines()


def test_references_tell_kind_name_and_part() -> None:
    found = references("a ${{inputs.x}} $[[ --y ${{ inputs.y }} ]] ${{outputs.z}}")
    assert [(item.kind, item.name, item.part) for item in found] == [
        ("inputs", "x", -1),
        ("inputs", "y", 0),
        ("outputs", "z", -1),
    ]


def test_a_literal_is_put_in_as_it_is() -> None:
    assert render("show ${{inputs.flags}}", {"flags": "--fast --lr 1"}, {}, {"flags"}) == "show --fast --lr 1"


def test_a_plain_path_is_put_in_as_it_is() -> None:
    assert render("show ${{outputs.model}}/x", {}, {"model": "/jobs/a-1/model"}) == "show /jobs/a-1/model/x"


@pytest.mark.parametrize("path", ["/a b/c", "/it's", '/say "hi"', "/$HOME/x", "/a;b", "/a`b`", "/a\\b", "/*", "/ü ö"])
@pytest.mark.parametrize(
    "command",
    [
        "show ${{inputs.d}}",
        "show '${{inputs.d}}'",
        'show "${{inputs.d}}"',
        "true # don't\nshow ${{inputs.d}}",
        'X="it\'s" show ${{inputs.d}}',
        "true \\' && show ${{inputs.d}}",
    ],
)
def test_a_path_is_one_word_wherever_it_stands(command: str, path: str) -> None:
    assert shell(render(command, {"d": path}, {})) == [path]


def test_a_path_joins_with_what_follows() -> None:
    assert shell(render('show ${{inputs.d}}/x "${{inputs.d}}/y z"', {"d": "/a b"}, {})) == ["/a b/x", "/a b/y z"]


def test_a_value_is_not_read_again() -> None:
    assert render("show ${{inputs.a}}", {"a": "${{inputs.b}}", "b": "no"}, {}, {"a"}) == "show ${{inputs.b}}"


def test_an_optional_part_goes_with_its_value() -> None:
    command = "train $[[--lr ${{inputs.lr}}]] $[[--m ${{inputs.m}} --n ${{inputs.n}}]] end"
    assert render(command, {"lr": "0.1", "m": "1"}, {}, {"lr", "m"}) == "train --lr 0.1  end"


def test_an_optional_part_keeps_its_outputs() -> None:
    command = "train $[[--to ${{outputs.o}} --lr ${{inputs.lr}}]]"
    assert render(command, {"lr": "1"}, {"o": "/o"}, {"lr"}) == "train --to /o --lr 1"


def test_the_shells_own_brackets_stay() -> None:
    command = "if [[ -d ${{inputs.d}} ]]; then echo $((1 + 2)) ${HOME}; fi"
    assert render(command, {"d": "/d"}, {}) == "if [[ -d /d ]]; then echo $((1 + 2)) ${HOME}; fi"


def test_a_path_with_a_space_reaches_a_real_program(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "rows.csv").write_text("1\n")
    assert shell(render("cat ${{inputs.d}}/rows.csv", {"d": str(folder)}, {})) == ["1"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("${{inputs.x}}", "has no value"),
        ("${{outputs.x}}", "has no value"),
        ("${{inputs.x", "is not closed"),
        ("$[[ ${{inputs.x}}", "is not closed"),
        ("${{parent.inputs.x}}", "only in a pipeline"),
    ],
)
def test_what_cannot_be_rendered_is_refused(command: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        render(command, {}, {})
    assert caught.value.hint


DECLARED = Declared(inputs=("lr", "data"), outputs=("model",), optional={"lr"}, unset={"lr"})


@pytest.mark.parametrize(
    ("command", "messages"),
    [
        ("train ${{inputs.data}} $[[ ${{inputs.lr}} ]] ${{outputs.model}}", []),
        ("train ${{inputs.date}}", ["did you mean 'data'"]),
        ("train ${{outputs.data}}", ["output 'data'"]),
        ("train ${{inputs.data.path}}", ["no expression of a command job"]),
        ("train ${{jobs.a}}", ["no expression of a command job"]),
        ("train ${{inputs.lr}}", ["outside an optional part"]),
        ("train $[[ ${{inputs.data}} ]]", ["no optional input"]),
        ("train $[[ nothing ]]", ["no optional input"]),
        ("train $[[ ${{inputs.lr}} $[[ ]] ]]", ["inside another", "no optional input"]),
        ("train ${{inputs.a}} ${{search_space.b}}", ["input 'a'", "only in a sweep"]),
    ],
)
def test_faults_of_a_command(command: str, messages: list[str]) -> None:
    found = faults(command, DECLARED)
    assert len(found) == len(messages)
    for fault, message in zip(found, messages, strict=True):
        assert message in fault.message
        assert fault.hint.endswith(".")
