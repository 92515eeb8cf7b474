"""Every `landbridge …` on a page is a command that exists, with options that it has."""

import re
import shlex
from functools import cache
from typing import Any

import pytest

from tests.docs.pages import PAGES, ROOT, all_blocks, prose

_TYPED = re.compile(r"^(?:\$ )?(landbridge .+?)(?:\s+#.*)?$", re.MULTILINE)
_INLINE = re.compile(r"`(landbridge [a-z][^`]*)`")
_MAKE = re.compile(r"(?:^|[`$] ?|\n)make ([a-z-]+)")

SHELL = [block for language in ("console", "sh") for block in all_blocks(language)]
TYPED = sorted({line for block in SHELL for line in _TYPED.findall(block.text)})
MENTIONED = sorted({text for page in PAGES for text in _INLINE.findall(prose(page)) if "reference" not in page.parts})


@cache
def root() -> Any:
    """The whole command line, as click knows it."""
    import typer.main

    from landbridge.cli.app import app

    return typer.main.get_command(app)


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` name, and what is left for it."""
    command = root()
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_examples_were_found() -> None:
    assert len(TYPED) > 10
    assert len(MENTIONED) > 10


@pytest.mark.parametrize("line", TYPED)
def test_every_example_is_understood(line: str) -> None:
    """Parsed as typed; nothing is run."""
    words = shlex.split(line)[1:]
    command, rest = resolve(words)
    assert command is not root(), f"no command {words[0]!r}"
    with command.make_context(words[0], list(rest)):
        pass


@pytest.mark.parametrize("text", MENTIONED)
def test_every_mention_names_a_command_and_its_options(text: str) -> None:
    words = shlex.split(text)[1:]
    command, rest = resolve(words)
    assert command is not root(), f"no command {words[0]!r}"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in rest if word.startswith("-")} <= known


def test_every_command_is_told_of_outside_the_reference() -> None:
    told = {shlex.split(text)[1] for text in [*TYPED, *MENTIONED]}
    assert set(root().commands) - told == set()


def test_the_errors_page_has_the_exit_codes_of_the_command_line() -> None:
    from landbridge import cli
    from landbridge.files import errors_page

    told = (errors_page.BUG, errors_page.SYSTEM, errors_page.INTERRUPTED)
    assert told == (cli.BUG, cli.SYSTEM, cli.INTERRUPTED)


def test_every_setting_of_the_environment_is_documented() -> None:
    from landbridge import settings

    text = (ROOT / "docs/operations.md").read_text()
    names = [value for name, value in vars(settings).items() if name.endswith("_VARIABLE")]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_make_target_on_a_page_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in _MAKE.findall(page.read_text())}
    assert "demo" in named
    assert named - targets == set()
