"""What the pages show as a file is one: it loads, compiles, or stands in the source word for word."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from landbridge.domain.values import Pattern
from landbridge.files.document import read
from landbridge.files.extension import load_extension
from landbridge.files.inventory import load_inventory
from landbridge.files.job import load_job
from landbridge.files.scenario import load_scenario
from landbridge.files.templates import new_scenario
from tests.docs.pages import ROOT, Block, all_blocks

YAML = all_blocks("yaml")
QUOTED = [block for language in ("python", "toml") for block in all_blocks(language) if block.words]
KINDS = {"scenario", "inventory", "job", "extension"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all that a scenario on a page may name: a new scenario's files and the flight-delay job."""
    for name, text in new_scenario(Pattern.HYBRID_TRAIN_DEPLOY, "glucose").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "flight-delay").symlink_to(ROOT / "scenarios/flight-delay")
    return tmp_path


@pytest.mark.parametrize("block", YAML, ids=lambda block: block.name)
def test_every_yaml_block_can_be_read_and_a_marked_one_loads(block: Block, folder: Path) -> None:
    file = folder / "block.yaml"
    file.write_text(block.text)
    assert read(file).data
    kind = block.words[0] if block.words else ""
    assert kind in {*KINDS, ""}
    if kind == "scenario":
        load_job(load_scenario(file).job)
    elif kind == "inventory":
        load_inventory(file, str(folder / "home"))
    elif kind == "job":
        load_job(file)
    elif kind == "extension":
        load_extension(file)


@pytest.mark.parametrize("pattern", list(Pattern))
def test_the_page_of_a_pattern_shows_its_scenario_as_it_is(pattern: Pattern) -> None:
    path = f"scenarios/{pattern}.yaml"
    [block] = [block for block in YAML if block.words == ("scenario", path)]
    assert block.page == ROOT / f"docs/patterns/{pattern}.md"
    file = [line for line in (ROOT / path).read_text().splitlines() if not line.startswith(("#", "$schema"))]
    assert block.text.splitlines() == file


@pytest.mark.parametrize("block", QUOTED, ids=lambda block: block.name)
def test_a_quoted_block_stands_in_its_source(block: Block) -> None:
    source = (ROOT / block.words[0]).read_text()
    lines = block.text.splitlines()
    candidates = source.splitlines()
    length = len(lines)
    windows = (dedent("\n".join(candidates[at : at + length])) for at in range(len(candidates) - length + 1))
    assert any(window == "\n".join(lines) for window in windows), f"{block.words[0]} says something else now"


@pytest.mark.parametrize("block", all_blocks("python"), ids=lambda block: block.name)
def test_every_python_block_compiles(block: Block) -> None:
    """Also the inside of a function, which may return."""
    indented = "\n".join(f"    {line}" for line in block.text.splitlines())
    ast.parse(f"def block():\n{indented}\n")


def test_the_blocks_were_found() -> None:
    assert {block.words[0] for block in YAML if block.words} == KINDS
    assert len(QUOTED) > 8
