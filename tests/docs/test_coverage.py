"""Nothing that a user meets is without a page: errors, drivers, patterns, files of state."""

from importlib.metadata import distribution

import pytest

from landbridge.domain.values import Pattern
from landbridge.drivers import GROUP
from landbridge.files.azure_pages import PAGES
from landbridge.files.azure_pages import REGENERATE as REGENERATE_AZURE
from landbridge.files.azure_pages import main as write_azure_pages
from landbridge.files.errors_page import REGENERATE, error_classes, main, page
from tests.docs.pages import ROOT

PATTERN_PAGE_LINES = 80


def test_the_errors_page_is_what_the_errors_say(tmp_path):
    main([str(tmp_path / "errors.md")])
    written = (tmp_path / "errors.md").read_text()
    assert (ROOT / "docs/errors.md").read_text() == written == page(), f"Run: {REGENERATE}"


def test_the_errors_page_has_every_error_with_its_exit_code():
    text = page()
    assert len(error_classes()) > 15
    for error in error_classes():
        section = text.split(f"\n### {error.__name__}\n", 1)[1].split("\n### ", 1)[0]
        assert f"Exit code {error.exit_code};" in section


def test_the_drawn_tree_names_every_error():
    drawn = page().split("```text\n", 1)[1].split("```", 1)[0]
    assert [error.__name__ for error in error_classes() if error.__name__ not in drawn] == []


@pytest.mark.parametrize("name", PAGES)
def test_azure_s_pages_are_what_the_tables_say(name, tmp_path):
    write_azure_pages([str(tmp_path)])
    committed = (ROOT / "docs/reference" / name).read_text()
    assert committed == (tmp_path / name).read_text() == PAGES[name](), f"Run: {REGENERATE_AZURE}"


def test_every_driver_has_a_section():
    text = (ROOT / "docs/drivers.md").read_text()
    names = [entry.name for entry in distribution("landbridge").entry_points if entry.group == GROUP]
    assert names
    assert [name for name in names if f"\n## `{name}`\n" not in text] == []


@pytest.mark.parametrize("pattern", list(Pattern))
def test_every_pattern_has_a_short_page(pattern):
    text = (ROOT / f"docs/patterns/{pattern}.md").read_text()
    assert len(text.splitlines()) <= PATTERN_PAGE_LINES
    assert f"make demo PATTERN={pattern}" in text or pattern is Pattern.HYBRID_TRAIN_DEPLOY


@pytest.mark.parametrize("suite", sorted((ROOT / "tests/contract").glob("test_*.py")), ids=lambda path: path.stem)
def test_the_driver_page_names_every_contract_suite(suite):
    if suite.stem == "test_ledger":  # the ledger is no driver's
        return
    assert f"tests/contract/{suite.name}" in (ROOT / "docs/adding-a-driver.md").read_text()
