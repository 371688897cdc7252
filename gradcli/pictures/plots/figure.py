"""A chart as a figure of matplotlib. No text of the user's is read as mathematics.

Colours are those of Okabe and Ito and of viridis, which the colour-blind can distinguish; line
styles and markers do so in black and white.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.literals import number_text
from gradcli.pictures.graph.words import fit
from gradcli.pictures.plots.chart import (
    Arrows,
    Band,
    Field,
    Line,
    Points,
    Trail,
    axes,
    decades,
    positive,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradcli.pictures.plots.chart import Axis, Chart, Panel, Vector

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours of curves: those of Okabe and Ito that are visible on white."""
STYLES = ("-", "--", ":", "-.", (0, (9, 2, 1, 2, 1, 2)))
KINDS = ("#D55E00", "#0072B2", "#CC79A7", "#000000", "#009E73", "#E69F00")
"""Colours of kinds of points; the first two are visible on each other and on viridis."""
SHAPES = ("o", "s", "^", "D", "v", "P")
MARKERS = ("", "o", "s", "^", "D", "v", "x")
"""What marks the curves for which there are no more styles."""
TITLE_LINES = 3
LABEL_LENGTH = 60
"""Characters of a label that are shown."""
CROWD = 2000
"""More points than these are drawn as an image inside a vector picture, which stays small."""
MARKED = 60
"""Up to so many steps each is marked with a dot."""
EXPONENTS = (-300.0, 300.0)
"""The powers of ten between which matplotlib can draw an axis."""
LONG = 30
"""Powers of ten on a long axis."""
MOST_LEVELS = 24
MANY_CORNERS = 20_000
"""More corners of a filled contour than these are drawn as an image, too."""
FACETS = 60
"""Into how many facets a surface is divided along each side, at the most."""
FLOOR = 0.35
"""How far below a surface its contour lies, as a part of its height."""
LIFT = 0.01
"""How far above a surface the trajectory on it is drawn, as a part of its height."""
VIEW = 28.0, -58.0
"""From where a surface is seen: degrees above its floor, and around it."""
ZOOM = 1.1
"""How much larger than usual the box around a surface is: its numbers need less room than that."""


def figure(chart: Chart) -> Figure:
    """Return the figure of a chart."""
    from matplotlib.figure import Figure

    count = len(chart.panels)
    made = Figure(layout="constrained", facecolor="white")
    if chart.stacked and count > 1:
        heights = [panel.height for panel in chart.panels]
        size = (7.0, 2.6 * sum(heights) + 1.9)
        grid = list(made.subplots(count, 1, sharex="col", height_ratios=heights))
    else:
        size = (5.6 * count + 1.4 * (count == 1), 4.5)
        kinds = ["3d" if panel.surface else "rectilinear" for panel in chart.panels]
        grid = [made.add_subplot(1, count, k + 1, projection=kinds[k]) for k in range(count)]
        made.set_layout_engine("constrained", wspace=0.04)
    size = chart.size or size
    made.set_size_inches(size)
    for panel, at in zip(chart.panels, grid, strict=True):
        _draw(panel, at)
        if not chart.stacked or panel is chart.panels[-1]:
            _plain(at.set_xlabel(_label(panel.x_label)))
    width = int(size[0] * 11)
    text = textwrap.wrap(fit(chart.title), width, max_lines=TITLE_LINES, placeholder=" …")
    _plain(made.suptitle("\n".join(text), fontsize=11, linespacing=1.3))
    for panel, at in zip(chart.panels, grid, strict=True):
        _legend(panel, at)
    return made


def _draw(panel: Panel, at: Axes) -> None:
    """Draw the marks of a panel, in order, and its axes."""
    if panel.surface and panel.field is not None:
        _surface(panel, panel.field, at)
        return
    number = kind = 0
    for mark in panel.marks:
        if isinstance(mark, Line):
            _line(mark, at, number, dots=panel.counted and len(mark.x) <= MARKED)
            number += 1
        elif isinstance(mark, Points):
            _points(mark, at, kind, many=_kinds(panel) > 1 or panel.field is not None)
            kind += 1
        elif isinstance(mark, Band):
            area = at.fill_between(mark.x, mark.low, mark.high, linewidth=0)
            area.set(color=COLOURS[0], alpha=0.25, label=_label(mark.label))
        elif isinstance(mark, Field):
            _field(mark, at)
        elif isinstance(mark, Arrows):
            _arrows(mark, at)
        elif isinstance(mark, Trail):
            _trail(mark, at, on_curve=panel.field is None)
    across, up = axes(panel)
    if panel.log_x:
        _logarithmic("x", across, at)
    if panel.log:
        _logarithmic("y", up, at)
    elif panel.limits is not None:
        at.set_ylim(panel.limits)
    if panel.counted and not panel.log_x:
        from matplotlib.ticker import MaxNLocator

        at.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    _plain(at.set_ylabel(_label(panel.y_label)))


def _logarithmic(name: str, shown: Axis, at: Axes) -> None:
    """Give an axis a logarithmic scale; a long one has ticks that matplotlib cannot overflow."""
    from matplotlib.ticker import FixedLocator, NullLocator

    margin = (shown.high - shown.low) / 20
    low, high = np.clip([shown.low - margin, shown.high + margin], *EXPONENTS).tolist()
    at.set(**{f"{name}scale": "log", f"{name}lim": (10.0**low, 10.0**high)})
    if high - low > LONG:
        axis = getattr(at, f"{name}axis")
        axis.set_major_locator(FixedLocator([10.0**p for p in decades(low, high, 9)]))
        axis.set_minor_locator(NullLocator())


def _kinds(panel: Panel) -> int:
    return sum(isinstance(mark, Points) for mark in panel.marks)


def _line(mark: Line, at: Axes, number: int, *, dots: bool) -> None:
    options: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "markersize": 3.5}
    at.plot(
        mark.x,
        mark.y,
        linestyle=STYLES[number % len(STYLES)],
        marker="o" if dots else MARKERS[number // len(STYLES)],
        markevery=1 if dots else max(1, len(mark.x) // 12),
        label=_label(mark.label),
        **options,
    )
    alone = lonely(mark.y)
    if alone.any():
        at.plot(mark.x[alone], mark.y[alone], "o", **options)


def lonely(y: Vector) -> Vector:
    """Return which points stand between two gaps, so that no line shows them."""
    gaps = np.concatenate([[True], ~np.isfinite(y), [True]])
    found: Vector = ~gaps[1:-1] & gaps[:-2] & gaps[2:]
    return found


def _points(mark: Points, at: Axes, kind: int, *, many: bool) -> None:
    """Draw points; of `many` kinds each has its colour and shape, with an edge to be seen by."""
    crowded = len(mark.x) > CROWD
    if mark.colour is not None:
        _coloured_points(mark, at, crowded=crowded)
        return
    options: dict[str, Any] = {
        "color": "#777777" if crowded else "black",
        "markersize": 2 if crowded else 4.5,
        "markeredgewidth": 0,
        "alpha": 0.5 if crowded else 0.9,
        "label": _label(mark.label),
        "zorder": 1.5 if crowded else 3,  # a crowd would hide the curve through it
    }
    shape = "o"
    if many:
        shape = SHAPES[kind % len(SHAPES)]
        options["color"] = KINDS[kind % len(KINDS)]
        if not crowded:
            options |= {"markersize": 6, "markeredgewidth": 0.7, "markeredgecolor": "white"}
            options["alpha"] = 1
    if mark.error is None:
        at.plot(mark.x, mark.y, shape, rasterized=crowded, **options)
        return
    made = at.errorbar(mark.x, mark.y, mark.error, fmt=shape, elinewidth=1, **options)
    for part in made.get_children():
        part.set_rasterized(crowded)


def _coloured_points(mark: Points, at: Axes, *, crowded: bool) -> None:
    """Draw points that a number colours, with a bar of colours."""
    made = at.scatter(
        mark.x,
        mark.y,
        4 if crowded else 30,
        mark.colour,
        cmap="plasma",
        linewidths=0 if crowded else 0.5,
        edgecolors="none" if crowded else "white",
        rasterized=crowded,
        zorder=1.5 if crowded else 3,
    )
    bar = at.figure.colorbar(made, ax=at)
    _plain(bar.ax.set_ylabel(_label(mark.label)))


def _field(mark: Field, at: Axes) -> None:
    """Fill the panel with the levels of a field, with lines between them and a bar of colours."""
    x, y = np.meshgrid(mark.x, mark.y)
    z, levels, norm = _scaled(mark)
    extend = "both" if mark.limits else "neither"
    options: dict[str, Any] = {"levels": levels, "norm": norm, "extend": extend}
    filled = at.contourf(x, y, z, cmap="viridis", **options)
    if _corners(filled) > MANY_CORNERS:
        filled.set_rasterized(True)
    else:
        filled.set_edgecolor("face")  # else a viewer shows its background between two levels
    lines = at.contour(x, y, z, colors="white", linewidths=0.6, alpha=0.8, **options)
    if _corners(lines) > MANY_CORNERS:
        lines.set_rasterized(True)
    bar = at.figure.colorbar(filled, ax=at)
    if z.min() == z.max():
        bar.set_ticks([z.min()], labels=[number_text(float(z.min()))])
    _plain(bar.ax.set_ylabel(_label(mark.label)))
    at.grid(visible=False)
    for number, level in enumerate(mark.marked):
        _boundary(mark, level, STYLES[number % len(STYLES)], at)


def _scaled(mark: Field) -> tuple[Any, Vector, Any]:
    """Return the numbers of a field without gaps, its levels, and the scale of its colours."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    z = np.ma.masked_invalid(mark.z)
    if mark.log:
        # A zero has the colour of the smallest numbers.
        z = np.maximum(z, np.nanmin(positive(mark.z)))
        return z, powers(float(z.min()), float(z.max())), LogNorm()
    ends = mark.limits or (z.min(), z.max())
    return z, np.asarray(MaxNLocator(12).tick_values(*ends)), None


def _boundary(mark: Field, level: float, style: Any, at: Axes) -> None:
    """Draw a line where a field has a value, black with a white edge to be seen on any colour."""
    from matplotlib.patheffects import Normal, Stroke

    line: dict[str, Any] = {"linestyle": style, "linewidth": 2.2, "color": "black"}
    label = _label(f"{mark.label} = {number_text(level)}")
    edge = [Stroke(linewidth=4.4, foreground="white"), Normal()]
    if np.nanmin(mark.z) <= level <= np.nanmax(mark.z):
        names = {"linestyles": style, "linewidths": 2.2, "colors": "black"}
        drawn = at.contour(mark.x, mark.y, np.ma.masked_invalid(mark.z), levels=[level], **names)
        drawn.set_path_effects(edge)
        at.plot([], [], label=label, **line, path_effects=edge)


def _surface(panel: Panel, mark: Field, at: Any) -> None:
    """Draw a field as a surface with its contour on the floor, and a run's trajectory on it."""
    from matplotlib.ticker import MaxNLocator

    low, high = mark.limits or (float(np.nanmin(mark.z)), float(np.nanmax(mark.z)))
    height = (high - low) or abs(high) or 1.0
    floor = low - FLOOR * height
    x, y = np.meshgrid(mark.x, mark.y)
    z, levels, norm = _scaled(mark)
    z = np.where((mark.z >= low) & (mark.z <= high), z.filled(np.nan), np.nan)
    made = at.plot_surface(
        x, y, z, rcount=FACETS, ccount=FACETS, cmap="viridis", norm=norm, alpha=0.85, linewidth=0.1
    )
    made.set_edgecolor("face")
    if low < high:
        colours: dict[str, Any] = {"cmap": "viridis", "norm": norm, "linewidths": 1}
        at.contour(x, y, z, levels=levels, zdir="z", offset=floor, **colours)
    for other in panel.marks:
        if isinstance(other, Trail) and other.z is not None:
            over, below = other.z + LIFT * height, np.full(len(other.z), floor)
            black: dict[str, Any] = {"color": "black", "linewidth": 1.2, "zorder": 9}
            at.plot(other.x, other.y, over, "-", label="steps", **black)
            at.plot(other.x, other.y, below, ":", **black)
            _ends(at, other.x, other.y, over)
    at.set(zlim=(floor, high), xlim=_ends_of(mark.x), ylim=_ends_of(mark.y))
    at.view_init(*VIEW)
    at.set_box_aspect(None, zoom=ZOOM)
    for axis in (at.xaxis, at.yaxis, at.zaxis):
        axis.set_major_locator(MaxNLocator(5))
    _plain(at.set_ylabel(_label(panel.y_label)))
    _plain(at.set_zlabel(_label(mark.label)))


def _ends_of(values: Vector) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _corners(contour: Any) -> int:
    return sum(len(path.vertices) for path in contour.get_paths())


def powers(low: float, high: float) -> Vector:
    """Return levels evenly spaced on a logarithmic scale, two or fewer a decade, around a range."""
    first, last = np.floor(2 * np.log10(low)), np.ceil(2 * np.log10(high))
    step = max(1.0, np.ceil((last - first) / MOST_LEVELS))
    found: Vector = 10.0 ** (np.arange(first, last + step, step) / 2)
    return found


def _arrows(mark: Arrows, at: Axes) -> None:
    at.quiver(
        mark.x,
        mark.y,
        mark.u,
        mark.v,
        angles="xy",
        scale_units="xy",
        scale=1,
        pivot="mid",
        width=0.004,
        headwidth=4,
        facecolor="white",
        edgecolor="black",
        linewidth=0.5,
    )
    arrow: dict[str, Any] = {"marker": ">", "markersize": 9, "markerfacecolor": "white"}
    at.plot([], [], linestyle="none", markeredgecolor="black", label=_label(mark.label), **arrow)


def _trail(mark: Trail, at: Axes, *, on_curve: bool) -> None:
    """Draw the trajectory of a run: white with a dark edge on colours, thin on a curve."""
    from matplotlib.patheffects import Normal, Stroke

    looks: dict[str, Any] = {"color": "white", "linewidth": 1.5, "markeredgecolor": "black"}
    if on_curve:
        looks = {"color": COLOURS[1], "linewidth": 0.8, "markeredgecolor": "white"}
    else:
        looks["path_effects"] = [Stroke(linewidth=3.5, foreground="black"), Normal()]
    dots = "o" if len(mark.x) <= MARKED else ""
    at.plot(
        mark.x,
        mark.y,
        f"-{dots}",
        markersize=5 if on_curve else 3.5,
        markeredgewidth=0.6,
        label="steps",
        **looks,
    )
    _ends(at, mark.x, mark.y)


def _ends(at: Any, *trajectory: Vector) -> None:
    """Mark where a trajectory begins and where it ends."""
    for index, marker, size, label in ((0, "s", 8, "start"), (-1, "*", 15, "end")):
        at.plot(
            *[numbers[index : index + 1 or None] for numbers in trajectory],
            marker,
            color=COLOURS[1],
            markersize=size,
            markeredgecolor="white",
            linestyle="none",
            zorder=4,
            label=label,
        )


def _legend(panel: Panel, at: Axes) -> None:
    """Add a legend above the panel, where it hides nothing."""
    handles, labels = at.get_legend_handles_labels()
    shown = [(h, text) for h, text in zip(handles, labels, strict=True) if text]
    if not shown:
        return
    longest = max(len(text) for _, text in shown)
    columns = max(1, min(len(shown), 4, 80 // (longest + 6)))
    made = at.legend(
        *zip(*shown, strict=True),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=columns,
        fontsize=9,
        handlelength=3,
        labelcolor="black",
    )
    if panel.field is not None:
        made.set_frame_on(True)
        made.get_frame().set(facecolor="#cccccc", edgecolor="none")
    for text in made.get_texts():
        _plain(text)


def _label(text: str) -> str:
    return fit(text, LABEL_LENGTH)


def _plain(text: Any) -> None:
    """Keep matplotlib from reading a text of the user's as mathematics."""
    text.set_parse_math(False)
