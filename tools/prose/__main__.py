"""`python -m tools.prose PATH …`: exit code 0 nothing found, 1 phrases found, 2 wrong usage."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

PHRASES = Path(__file__).with_name("phrases.txt")
SUFFIXES = {".conf", ".html", ".js", ".md", ".po", ".py", ".service", ".sh", ".toml", ".yaml", ".yml"}
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SPACE = r"(?:\s+(?:#:? +|//+ +|\* +)?)"


def load_phrases(text: str) -> list[tuple[re.Pattern[str], str]]:
    """Return each phrase as a pattern, with what to write instead."""
    rows = (line.rsplit(" -> ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return [(re.compile(rf"\b{_spaced(phrase)}(?!\w)", re.IGNORECASE), advice) for phrase, advice in rows]


def find_phrases(text: str, phrases: Iterable[tuple[re.Pattern[str], str]]) -> Iterator[tuple[int, str, str]]:
    """Yield line number, phrase and advice of each hit, outside fenced blocks of code."""
    prose = _FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)
    for pattern, advice in phrases:
        for hit in pattern.finditer(prose):
            yield prose.count("\n", 0, hit.start()) + 1, " ".join(hit[0].split()), advice


def main(arguments: Sequence[str]) -> int:
    """Print every hit below the paths; return the exit code."""
    if not arguments:
        sys.stderr.write("usage: python -m tools.prose PATH …\n")
        return 2
    phrases = load_phrases(PHRASES.read_text(encoding="utf-8"))
    hits = 0
    for path in _files(map(Path, arguments)):
        for line, phrase, advice in sorted(find_phrases(path.read_text(encoding="utf-8"), phrases)):
            sys.stdout.write(f"{path}:{line}: “{phrase}”: {advice}\n")
            hits += 1
    return 1 if hits else 0


def _spaced(phrase: str) -> str:
    """Let the spaces of a phrase match line breaks, but not those in a character class or a lookbehind."""
    return re.sub(r"\((?:\?<)[^)]*\)|\[[^]]*\]| ", lambda part: _SPACE if part[0] == " " else part[0], phrase)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (each for each in inside if each.suffix in SUFFIXES and "vendor" not in each.parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
