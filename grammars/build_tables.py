"""The build step: Lark compiles the grammar, so that an installed gradcli need not; man pages.

A wheel carries the tables as `gradcli/language/stored.py`; an editable installation gets the same
file in the source tree, where version control ignores it and a changed grammar makes it void.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACE = "gradcli/language/stored.py"


class TablesHook(BuildHookInterface[Any]):
    """Adds the tables to what is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the tables; `version` is "editable" or "standard"."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        sys.path.insert(0, self.root)
        sys.path.insert(0, str(root / "grammars"))
        try:
            import man_pages  # type: ignore[import-not-found] # beside this file

            from gradcli.language.grammar import module
        finally:
            del sys.path[:2]
        text = module((root / "grammars" / "expression.lark").read_text(encoding="utf-8"))
        place = root / PLACE if version == "editable" else Path(mkdtemp()) / "stored.py"
        place.write_text(text, encoding="utf-8")
        if version != "editable":
            build_data["force_include"][str(place)] = PLACE
            own = man_pages.pages(self.metadata.version)
            build_data["shared_data"] |= man_pages.written(mkdtemp(), own)
