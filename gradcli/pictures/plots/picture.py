"""A chart as SVG, PNG or PDF, the same bytes for the same chart.

Never with pyplot and never with the user's matplotlibrc.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

from gradcli.errors import DrawingError
from gradcli.pictures.graph.words import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.pictures.plots.chart import Chart

DOTS_PER_INCH = 150
SETTINGS: dict[Any, Any] = {
    "axes.formatter.use_mathtext": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "gradcli",
}
OWN = ("backend", "interactive", "toolbar", "timezone", "webagg", "datapath")
"""Settings of matplotlib that are not about the looks and stay as they are."""


def drawn(chart: Chart, picture_format: str) -> bytes:
    """Return the picture of a chart as "svg", "png" or "pdf".

    Raises DrawingError when matplotlib is not installed.
    """
    from gradcli.pictures.plots.figure import figure

    buffer = io.BytesIO()
    with _settings(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
        figure(chart).savefig(
            buffer,
            format=picture_format,
            dpi=DOTS_PER_INCH,
            metadata=FORMATS[picture_format](fit(chart.title)),
        )
    return buffer.getvalue()


def _settings() -> Any:
    """Return the settings of matplotlib for a block: its defaults, and ours."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it is about its caches
    try:
        import matplotlib as mpl
    except ImportError:
        raise missing() from None
    defaults = {
        name: mpl.rcParamsDefault[name] for name in mpl.rcParamsDefault if not name.startswith(OWN)
    }
    return mpl.rc_context({**defaults, **SETTINGS})


def missing() -> DrawingError:
    """Return the error for a matplotlib that is not there."""
    message = "plots are drawn by matplotlib, which is not installed"
    hint = "pip install 'gradcli[plot]', or --plot - draws in the terminal"
    return DrawingError(message, hint=hint)


FORMATS: dict[str, Callable[[str], dict[str, Any]]] = {
    "svg": lambda title: {"Title": title} | dict.fromkeys(("Creator", "Date", "Format", "Type")),
    "png": lambda title: {
        "Title": title.encode("latin-1", "replace").decode("latin-1"),
        "Software": None,
    },
    "pdf": lambda title: {"Title": title} | dict.fromkeys(("Creator", "Producer", "CreationDate")),
}
"""The formats of plots, and what a file says about itself: its title, and no date or version."""
