"""A lesson in a cell of a notebook: the page in a shadow root of its own.

Neither its ids nor its style reach other cells or the notebook, and those of the notebook do not
reach it, so that several lessons stand beside each other. The script is that of the page. It
uses no `eval` and no network; but a cell has no policy of its own to be held to that.
"""

from __future__ import annotations

import json
import re
from uuid import uuid4

from gradcli.records import NamedTuple

HEIGHT = "46rem"
"""Of a cell: what a page takes from its window."""

PARTS = re.compile(
    r'lang="(.*?)".*?<style>(.*?)</style>.*<body>(.*)<script>(.*?)</script>\s*</body>', re.DOTALL
)
CELL = """<div id="{key}">{picture}</div>
<script>
(() => {{
  const host = document.getElementById("{key}");
  if (!host || host.shadowRoot) return;
  const scope = host.attachShadow({{ mode: "open" }});
  scope.innerHTML = {content};
  {script}
}})();
</script>"""


class LessonPage(NamedTuple):
    """A lesson, which a notebook shows in a cell."""

    page: bytes
    """The same as a page of HTML, for a file."""

    def __repr__(self) -> str:
        """Return how large it is."""
        return f"<lesson, {len(self.page)} bytes of HTML>"

    def _repr_html_(self) -> str:
        """Return the lesson for a cell; where no script may run, the picture alone is seen."""
        found = PARTS.search(self.page.decode())
        assert found is not None  # noqa: S101 - the page is ours
        language, sheet, body, script = found.groups()
        content = (
            f"<style>:host{{display:block;height:{HEIGHT};container-type:size}}{_scoped(sheet)}"
            f'</style><div class="root" lang="{language}"><div class="body">{body}</div></div>'
        )
        picture = re.search(r"<svg.*?</svg>", body, re.DOTALL)
        return CELL.format(
            key=f"gradcli-{uuid4().hex}",
            picture="" if picture is None else picture[0],
            content=json.dumps(content, ensure_ascii=False).replace("</", "<\\/"),
            script=script.replace("})(document);", "})(scope);"),
        )


def _scoped(sheet: str) -> str:
    """Return the style for the elements that stand for root and body, in the cell as a window."""
    sheet = sheet.replace(":root", ".root").replace("@media (m", "@container (m")
    sheet = re.sub(r"(?<![\w-])body(?=[ ,{])", ".body", sheet)
    return re.sub(r"(?<=\d)d?v(h|w)\b", r"cq\1", sheet)
