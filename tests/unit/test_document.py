"""A user's file: plain values, lines, and errors that say where, what and how to mend."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from landbridge.domain.errors import InputError
from landbridge.files.document import Document, Problem, check, place, read, refuse


@pytest.fixture
def write(tmp_path: Path):
    def _write(text: str | bytes) -> Path:
        file = tmp_path / "file.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return _write


def test_values_are_plain_python(write):
    document = read(write("a: 1\nb: [1.5, true, null, x]\nc: {d: 'e'}\nf: 2026-01-01T00:00:00Z\ng: 02:00\nh: yes\n"))
    assert document.data == {
        "a": 1,
        "b": [1.5, True, None, "x"],
        "c": {"d": "e"},
        "f": "2026-01-01T00:00:00Z",
        "g": "02:00",
        "h": "yes",
    }
    assert {type(value) for value in document.data["b"]} == {float, bool, type(None), str}


def test_keys_are_text_whatever_they_look_like(write):
    assert read(write("1: a\ntrue: b\n")).data == {"1": "a", "true": "b"}


def test_line_finds_keys_and_items_and_falls_back_to_the_nearest_parent(write):
    document = read(write("# comment\na:\n  b:\n    - x\n    - y: 1\nc: 2\n"))
    assert [document.line(*keys) for keys in [("a",), ("a", "b"), ("a", "b", 1), ("a", "b", 1, "y"), ("c",)]] == [
        *(2, 3, 5, 5, 6)
    ]
    assert document.line("a", "b", 7, "z") == 3
    assert document.line("missing") == 2
    assert document.where("c") == f"{document.path}:6"


def test_a_place_is_told_of_a_file_that_was_read_long_ago_and_of_one_that_is_gone(write):
    path = write("a: 1\nb:\n  c: 2\n")
    assert place(str(path), "b", "c") == f"{path}:3"
    path.unlink()
    assert place(str(path), "b", "c") == str(path)


def test_merge_keys_and_anchors_work_and_keep_their_lines(write):
    document = read(write("base: &base {x: 1, y: 2}\nother:\n  <<: *base\n  y: 3\n"))
    assert document.data["other"] == {"x": 1, "y": 3}
    assert (document.line("other", "x"), document.line("other", "y")) == (1, 4)


def test_earlier_merge_wins(write):
    document = read(write("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n"))
    assert document.data["c"] == {"x": 1, "y": 2}


def test_byte_order_mark_is_no_fault(write):
    assert read(write(b"\xef\xbb\xbfa: 1\n")).data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "line", "words", "hint"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "not valid YAML", "brackets"),
        ("a: 1\na: 2\n", 2, "'a' stands twice (first in line 1)", "Remove"),
        ("x:\n  a: 1\n  b: 1\n  a: 2\n", 4, "'a' stands twice (first in line 2)", "Remove"),
        ("a:\n\tb: 1\n", 2, "not valid YAML", "spaces"),
        ("a: b: c\n", 1, "mapping values", "quotes"),
        ("", 1, "empty", "keys"),
        ("# only a comment\n", 1, "empty", "keys"),
        ("- a\n- b\n", 1, "keys and values", "key: value"),
        ("\n\njust text\n", 3, "keys and values", "key: value"),
        (b"a: 1\nb: caf\xe9\n", 2, "UTF-8", "UTF-8"),
        ("a: 1\nb: \x07\n", 2, "character", "control"),
        ("a: 1\n---\nb: 2\n", 2, "single document", "---"),
        ("a: 1\nb: *nobody\n", 2, "alias", "anchor"),
        ("a: 1\nb: !!python/object:os.system {}\n", 2, "tag", "!tag"),
        ("a: 1\nb: !secret x\n", 2, "tag", "!tag"),
        ("a: 1\n? [x]\n: 2\n", 2, "key", "one word"),
        ("a: 1\n: 2\n", 2, "key", "one word"),
        ("a: &a 1\nb: {<<: *a}\n", 1, "merge", "anchor"),
        ("a: " + "9" * 5000 + "\n", 1, "number", "quotes"),
        ("a: " + "[" * 100 + "]" * 100 + "\n", 1, "nested", "aliases"),
    ],
)
def test_bad_text_names_file_line_and_remedy(write, text, line, words, hint):
    file = write(text)
    with pytest.raises(InputError) as caught:
        read(file)
    assert caught.value.where == f"{file}:{line}"
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_deep_nesting_ends_in_an_error_not_in_a_crash(write):
    with pytest.raises(InputError, match="nested"):
        read(write("a: " + "[" * 1_000))


def test_aliases_of_aliases_are_bounded(write):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InputError, match="too many"):
        read(write("\n".join(lines)))


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "a: &a {<<: *a}\n", "&a a: {<<: &b {<<: *b}}\n"])
def test_an_alias_inside_its_own_anchor_ends(write, text):
    with pytest.raises(InputError, match="nested"):
        read(write(text))


def test_a_key_beside_a_merge_keeps_its_own_line(write):
    document = read(write("base: &base {x: 1}\nother:\n  x: 2\n  <<: *base\n"))
    assert document.data["other"] == {"x": 2}
    assert document.line("other", "x") == 3


def test_missing_file_and_folder_are_input_errors(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError) as caught:
            read(path)
        assert caught.value.where == f"{path}:1"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    size: int = 0
    from_: str = Field(default="", alias="from")


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    count: int = Field(default=1, ge=1)
    ratio: float = 0.5
    flag: bool = False
    words: list[str] = []
    items: list[Inner] = []
    by_name: dict[str, Inner] = {}
    either: str | Inner = ""
    maybe: Inner | None = None
    password: int = 0


def checked(write, text: str) -> InputError:
    document = read(write(text))
    with pytest.raises(InputError) as caught:
        check(Outer, document)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("name: a\ncoutn: 1\n", 2, "`coutn` is not a known key", "`count` instead of `coutn`"),
        ("name: a\nzzz: 1\n", 2, "`zzz` is not a known key", "known keys at the top of the file: `name`"),
        ("name: a\nitems:\n  - {size: 1}\n  - {sise: 1}\n", 4, "`items[1].sise`", "`size` instead of `sise`"),
        ("name: a\nby_name:\n  x:\n    form: y\n", 4, "`by_name.x.form`", "`from` instead of `form`"),
        ("name: a\nmaybe:\n  sizes: 1\n", 3, "`maybe.sizes`", "`size`"),
        ("name: a\neither:\n  sizes: 1\n", 3, "`either.sizes`", "`size`"),
        ("count: 1\n", 1, "`name` is missing", "Add `name:` at the top"),
        ("name: a\ncount: ten\n", 2, "expected a whole number, got 'ten'", "`count`"),
        ("name: a\ncount: '10'\n", 2, "expected a whole number, got '10'", "`count`"),
        ("name: a\ncount: 1.5\n", 2, "expected a whole number, got 1.5", "`count`"),
        ("name: a\ncount: 0\n", 2, "expected a number of at least 1, got 0", "`count`"),
        ("name: a\nratio: much\n", 2, "expected a number, got 'much'", "`ratio`"),
        ("name: a\nflag: yes\n", 2, "expected true or false, got 'yes'", "`flag`"),
        ("name: 5\n", 1, "expected text, got 5", "`name`"),
        ("name:\n", 1, "expected text, got nothing", "`name`"),
        ("name: a\nwords: x\n", 2, "expected a list, got 'x'", "`words`"),
        ("name: a\nwords:\n  - x\n  - 5\n", 4, "`words[1]`: expected text, got 5", "`words[1]`"),
        ("name: a\nmaybe: [1]\n", 2, "expected keys and values, got a list of 1", "`maybe`"),
        ("name: a\neither: 5\n", 2, "expected text or keys and values, got 5", "`either`"),
    ],
)
def test_each_fault_names_its_key_its_line_and_its_remedy(write, text, line, message, hint):
    error = checked(write, text)
    assert error.where.endswith(f"file.yaml:{line}")
    assert message in error.message
    assert hint in error.hint


def test_all_faults_are_listed_in_the_order_of_the_file(write):
    error = checked(write, "name: a\ncoutn: 1\nflag: 2\nratio: x\n")
    assert error.where.endswith(":2")
    assert error.message.startswith("`coutn` is not a known key. And 2 more:")
    second, third = error.message.splitlines()[1:3]
    assert second.startswith("  2. ")
    assert "file.yaml:3: `flag`" in second
    assert third.startswith("  3. ")
    assert "file.yaml:4: `ratio`" in third
    assert str(error).count("To fix:") == 1


def test_values_of_secretive_keys_are_not_shown(write):
    assert "hunter2" not in str(checked(write, "name: a\npassword: hunter2\n"))


def test_long_values_are_shortened(write):
    assert len(checked(write, f"name: a\ncount: {'x' * 500}\n").message) < 150


def test_docs_end_the_hint():
    error = refuse(Document("f.yaml", {}), [Problem((), "Bad.", "Mend it.")], "docs/x.md")
    assert str(error) == "f.yaml:1: Bad. To fix: Mend it. See docs/x.md."
