"""The prose check: it finds a phrase wherever the line breaks, and leaves blocks of code alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.prose.__main__ import PHRASES, find_phrases, load_phrases, main

COMMITTED = load_phrases(PHRASES.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("It waits for ever.", "for ever"),
        ("It waits for\never.", "for\never"),
        ("# It retries by\n# itself now.", "by\n# itself"),
        ("That is no section.", "is no section"),
        ("It is logged, too.", ", too"),
        ("Done. Who sees all may cancel it.", "Who sees all may cancel it."),
        ("What is refused\ncounts nowhere. What is refused counts.", "What is refused counts."),
    ],
)
def test_a_mannerism_is_found(text: str, phrase: str) -> None:
    assert " ".join(phrase.split()) in [found for _, found, _ in find_phrases(text, COMMITTED)]


@pytest.mark.parametrize(
    "text",
    ["There is no retry.", "It is no longer needed.", "for everything", "Who is down?", "```\nfor ever\n```"],
)
def test_plain_english_is_not(text: str) -> None:
    assert list(find_phrases(text, COMMITTED)) == []


def test_a_hit_has_its_line_and_what_to_write_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("One.\n\n```\ncode\n```\n\nIt waits\nfor ever.\n")
    (tmp_path / "docs" / "picture.png").write_bytes(b"\x89PNG")
    assert main([str(page.parent)]) == 1
    assert capsys.readouterr().out == f"{page}:8: “for ever”: forever, indefinitely, until …\n"
    page.write_text("It waits forever.\n")
    assert main([str(page.parent)]) == 0
    assert main([]) == 2
