"""Hooks of the documentation site (`mkdocs.yml`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_LINK = re.compile(r"(?<=\]\()(?P<path>\.\./[^)#\s]+)(?=[)#])")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_kwargs: Files) -> str:
    """Point relative links that leave `docs/` at the repository: only the files below it are in the site.

    A link to a file that does not exist stays as it is, and fails the strict build.
    """
    docs = Path(config.docs_dir)
    root = docs.parent
    here = (docs / page.file.src_uri).parent

    def target(match: re.Match[str]) -> str:
        path = (here / match["path"]).resolve()
        if path.is_relative_to(docs) or not path.is_relative_to(root) or not path.exists():
            return match[0]
        return f"{config.repo_url}/blob/main/{path.relative_to(root)}"

    return _LINK.sub(target, markdown)
