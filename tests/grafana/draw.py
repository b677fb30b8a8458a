#!/usr/bin/python3
"""Draws the dashboard as a picture, without a Grafana: every panel's own queries are asked of a real Prometheus, and
the panels stand where the dashboard has them. Needs python3-matplotlib.

It knows the panels, units and options that wascc-keyvalue.json uses, and stops at a panel of another type."""
import argparse
import io
import math
import os
import re
import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates
import matplotlib.pyplot as plt
import numpy
from matplotlib.colors import PowerNorm
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter
from PIL import Image

sys.dont_write_bytecode = True
import dashboard

# Inches. A picture that is shown 1000 pixels wide has the sizes of type that are given in points here.
WIDTH, UNIT, FOOTER, DPI = 1000 / 72, 27 / 72, 26 / 72, 115
COLUMNS = 24
TEXT, FAINT, LINE, PAGE = "#24292e", "#6e7781", "#d0d7de", "#f4f5f5"
COLOURS = {
    "green": "#56a64b", "orange": "#e8710a", "red": "#e02f44", "blue": "#3274d9", "yellow": "#e0b400",
    "purple": "#a352cc", "dark-red": "#96172e", "dark-purple": "#5c2d91", "transparent": "none",
}
PALETTE = [
    "#56a64b", "#e0b400", "#3274d9", "#e8710a", "#e02f44", "#8f3bb8", "#2aa198", "#b5651d", "#7aa6f0", "#96d98d",
    "#f2a9c4", "#5f6b7a", "#c4a000", "#14532d", "#ffb357", "#6d28d9", "#a3be8c", "#0e7490",
]


def scaled(value, base, prefixes):
    step = 0
    while abs(value) >= base and step + 1 < len(prefixes):
        value, step = value / base, step + 1
    return value, prefixes[step]


def number(value, decimals=None):
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def with_unit(value, unit, decimals=None):
    """A value as Grafana would write it."""
    if value is None or math.isnan(value):
        return ""
    if unit == "percentunit":
        return f"{number(value * 100, decimals)}%"
    if unit == "s":
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
            if abs(value) * factor >= 0.9995 or name == "µs":
                return f"{number(value * factor, decimals)} {name}" if value else "0 s"
    if unit in ("bytes", "Bps"):
        value, prefix = scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"])
        return f"{number(value, decimals)} {prefix}" + ("/s" if unit == "Bps" else "")
    if unit in ("ops", "short", "none"):
        value, prefix = scaled(value, 1000, ["", "K", "M", "G"]) if unit != "none" else (value, "")
        space = " " if prefix and unit == "short" else ""
        return f"{number(value, decimals)}{space}{prefix}" + (" ops/s" if unit == "ops" else "")
    sys.exit(f"draw: the unit '{unit}' is not known here")


class Line:
    """One series of a panel, on the picture's own steps: nan where it has no value."""

    def __init__(self, name, values, options):
        self.name, self.values, self.options = name, values, options

    def last(self):
        known = self.values[~numpy.isnan(self.values)]
        return known[-1] if len(known) else None

    def reduced(self, calc):
        known = self.values[~numpy.isnan(self.values)]
        return {"mean": numpy.mean, "max": numpy.max, "lastNotNull": lambda v: v[-1]}[calc](known)


class Source:
    """Prometheus, the time that is drawn, and what the dashboard's variables stand for."""

    def __init__(self, arguments):
        self.prometheus = dashboard.Prometheus(arguments.prometheus)
        self.end = arguments.end or time.time()
        self.start = self.end - dashboard.seconds(arguments.last)
        self.step = arguments.step
        self.times = numpy.arange(self.start, self.end + self.step / 2, self.step)
        rate_interval = dashboard.rate_interval(self.step, self.prometheus.scrape_interval())
        self.values = {"instance": ".*", "binding": ".*", "__rate_interval": rate_interval}

    def matrix(self, expression):
        """[(labels, values)] with one value a step."""
        text = dashboard.filled_in(expression, self.values)
        found = []
        for series in self.prometheus.query_range(text, self.start, self.end, self.step):
            values = numpy.full(len(self.times), math.nan)
            for at, value in series["values"]:
                values[round((float(at) - self.start) / self.step)] = float(value)
            found.append((series["metric"], values))
        return found

    def dates(self):
        """The steps in days since 1970, as matplotlib counts."""
        return self.times / 86400


def options_of(panel, name):
    """The defaults of the panel's fields with what its overrides say of a series of this name."""
    options = dict(panel["fieldConfig"]["defaults"])
    options.update(options.pop("custom", {}))
    for override in panel["fieldConfig"]["overrides"]:
        matcher = override["matcher"]
        if matcher["id"] == "byName":
            matches = matcher["options"] == name
        elif matcher["id"] == "byRegexp":
            matches = re.search(matcher["options"], name) is not None
        else:
            sys.exit(f"draw: the matcher '{matcher['id']}' is not known here")
        if matches:
            for item in override["properties"]:
                options[item["id"].removeprefix("custom.")] = item["value"]
    return options


def lines_of(panel, source):
    lines = []
    for target in panel["targets"]:
        for labels, values in source.matrix(target["expr"]):
            name = dashboard.legend(target["legendFormat"], labels)
            lines.append(Line(name, values, options_of(panel, name)))
    return lines


def threshold_colour(value, thresholds):
    colour = thresholds["steps"][0]["color"]
    for step in thresholds["steps"][1:]:
        if value >= step["value"]:
            colour = step["color"]
    return COLOURS[colour]


# ---- the panels ----


def draw_stat(area, panel, source):
    lines = lines_of(panel, source)
    for position, line in enumerate(lines):
        left, width = position / len(lines), 1 / len(lines)
        value = line.last()
        options = line.options
        colour = threshold_colour(value, options["thresholds"]) if value is not None else FAINT
        text = with_unit(value, options["unit"], options.get("decimals")) or options.get("noValue", "")
        area.text(left + width / 2, 0.60, text, size=19 if len(lines) == 1 else 15, color=colour, weight="bold",
                  ha="center", va="center", transform=area.transAxes)
        if panel["options"]["textMode"] == "value_and_name":
            area.text(left + width / 2, 0.90, line.name, size=8.5, color=FAINT, ha="center", va="center",
                      transform=area.transAxes)
        spark = area.inset_axes([left + 0.03, 0, width - 0.06, 0.34])
        spark.axis("off")
        known = numpy.nan_to_num(line.values)
        spark.fill_between(source.dates(), known, color=colour, alpha=0.18, lw=0)
        spark.plot(source.dates(), line.values, color=colour, lw=0.9)
        spark.set_xlim(source.dates()[0], source.dates()[-1])
        spark.set_ylim(0, max(known.max() * 1.05, 1e-12))
    if not lines:
        text = panel["fieldConfig"]["defaults"].get("noValue", "no data")
        area.text(0.5, 0.5, text, size=15, color=FAINT, ha="center", va="center", transform=area.transAxes)
    area.axis("off")


def time_axis(area, source):
    area.xaxis_date()
    area.set_xlim(source.dates()[0], source.dates()[-1])
    area.xaxis.set_major_locator(matplotlib.dates.AutoDateLocator(minticks=3, maxticks=6))
    area.xaxis.set_major_formatter(
        matplotlib.dates.DateFormatter("%H:%M" if source.end - source.start > 200 else "%H:%M:%S")
    )
    area.tick_params(which="both", labelsize=8, colors=FAINT, length=0, pad=3)
    for side in area.spines.values():
        side.set_visible(False)


def round_step(top, base):
    """About a fifth of an axis, round in the unit in which its values are written."""
    unit = base ** max(0, math.floor(math.log(max(top, 1e-12), base)))
    rough = top / 5 / unit
    magnitude = 10 ** math.floor(math.log10(rough))
    return unit * magnitude * min((1, 2, 5, 10), key=lambda step: abs(math.log(step * magnitude / rough)))


def value_axis(area, panel, lines):
    options = options_of(panel, "")
    if options["scaleDistribution"]["type"] == "log":
        area.set_yscale("log", base=options["scaleDistribution"]["log"])
        area.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 3.0), numticks=12))
        area.yaxis.set_minor_formatter(NullFormatter())
    else:
        low, high = options.get("min"), options.get("max")
        top = high * 1.02 if high is not None else max(area.get_ylim()[1], options.get("axisSoftMax", 1e-9))
        area.set_ylim(low, top if lines else 1)
        area.yaxis.set_major_locator(MultipleLocator(round_step(top, 1024 if options["unit"] in ("bytes", "Bps") else 1000)))
    area.yaxis.set_major_formatter(FuncFormatter(lambda value, _: with_unit(value, options["unit"]).replace(" ops/s", "")))
    area.grid(True, color=LINE, lw=0.5, alpha=0.8)
    area.set_axisbelow(True)
    if options["axisLabel"]:
        area.set_ylabel(options["axisLabel"], size=8, color=FAINT)
    if options["thresholdsStyle"]["mode"] == "line":
        for step in options["thresholds"]["steps"][1:]:
            area.axhline(step["value"], color=COLOURS[step["color"]], lw=0.8)


def draw_lines(area, lines, source, dates):
    """Returns a handle for the legend of each line."""
    handles, below, colours = [], numpy.zeros(len(dates)), iter(PALETTE * 4)
    for line in lines:
        options = line.options
        own = options["color"]
        colour = COLOURS[own["fixedColor"]] if own["mode"] == "fixed" else next(colours)
        dash = (0, (5, 3)) if options.get("lineStyle", {}).get("fill") == "dash" else "-"
        fill = options["fillOpacity"] / 100
        if options["stacking"]["mode"] == "normal":
            above = below + numpy.nan_to_num(line.values)
            area.fill_between(dates, below, above, color=colour, alpha=fill, lw=0)
            area.plot(dates, numpy.where(numpy.isnan(line.values), math.nan, above), color=colour, lw=0.8)
            below = above
        elif options["drawStyle"] == "bars":
            area.bar(dates, line.values, width=source.step / 86400, color=colour, alpha=max(fill, 0.4), lw=0)
        else:
            area.plot(dates, line.values, color=colour, lw=1.1, ls=dash)
            if fill > 0:
                area.fill_between(dates, numpy.nan_to_num(line.values), color=colour, alpha=fill, lw=0)
        handles.append(plt.Line2D([], [], color=colour, lw=3 if dash == "-" else 1.5, ls=dash))
    return handles


def draw_legend(area, panel, lines, handles):
    legend = panel["options"]["legend"]
    right = legend["placement"] == "right"
    names = [line.name for line in lines]
    order = list(range(len(lines)))
    if legend["calcs"]:
        calc = legend["calcs"][0]
        unit = panel["fieldConfig"]["defaults"]["unit"]
        order.sort(key=lambda i: -lines[i].reduced(calc))
        names = [f"{line.name}  {with_unit(line.reduced(calc), unit).replace(' ops/s', '')}" for line in lines]
    style = {"frameon": False, "labelcolor": TEXT, "handlelength": 1.1, "handletextpad": 0.5, "borderaxespad": 0}
    if right:
        most = 13
        title = {"mean": "mean", "max": "max", "lastNotNull": "last"}[legend["calcs"][0]]
        area.legend([handles[i] for i in order[:most]], [names[i] for i in order[:most]], loc="upper left",
                    bbox_to_anchor=(1.02, 1.03), fontsize=8, labelspacing=0.22, title=title, title_fontsize=7.5,
                    alignment="left", **style)
    else:
        area.legend([handles[i] for i in order], [names[i] for i in order], loc="upper left", fontsize=8,
                    bbox_to_anchor=(-0.02, -0.13 if panel["gridPos"]["h"] > 6 else -0.19), ncol=len(lines),
                    columnspacing=1.1, **style)


def draw_timeseries(area, panel, source):
    lines, dates = lines_of(panel, source), source.dates()
    time_axis(area, source)
    handles = draw_lines(area, lines, source, dates)
    value_axis(area, panel, lines)
    if lines:
        draw_legend(area, panel, lines, handles)
    else:
        text = panel["fieldConfig"]["defaults"].get("noValue", "no data")
        area.text(0.5, 0.5, text, size=9, color=FAINT, ha="center", transform=area.transAxes)


def draw_heatmap(area, panel, source):
    """The buckets are cumulative: each is drawn less the one below it."""
    buckets = sorted((float(labels["le"]), values) for labels, values in source.matrix(panel["targets"][0]["expr"]))
    unit = panel["options"]["yAxis"]["unit"]
    time_axis(area, source)
    if not buckets:
        return
    counts = numpy.diff(numpy.array([values for _, values in buckets]), axis=0, prepend=0)
    counts = numpy.ma.masked_less_equal(numpy.ma.masked_invalid(counts), panel["options"]["filterValues"]["le"])
    used = numpy.nonzero(counts.count(axis=1))[0]
    if used.size == 0:
        return
    low, high = used[0], used[-1]
    dates = source.dates()
    edges = numpy.append(dates, 2 * dates[-1] - dates[-2]) - (dates[1] - dates[0]) / 2
    area.pcolormesh(edges, numpy.arange(low, high + 2), counts[low : high + 1], cmap="Oranges",
                    norm=PowerNorm(panel["options"]["color"]["exponent"], vmin=0), rasterized=True)
    every = max(1, (high - low) // 7)
    area.set_yticks([row + 1 for row in range(low, high + 1, every)])
    area.set_yticklabels([with_unit(buckets[row][0], unit) if math.isfinite(buckets[row][0]) else "+Inf"
                          for row in range(low, high + 1, every)])


DRAWERS = {"stat": draw_stat, "timeseries": draw_timeseries, "heatmap": draw_heatmap}


# ---- the page ----


def drawn(board):
    """The panels and rows of the page, but for rows that are collapsed."""
    return [panel for panel in board["panels"] if not panel.get("collapsed")]


class Page:
    """Places what the dashboard's grid names on a figure."""

    def __init__(self, board):
        self.rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in drawn(board))
        self.header = 1.5
        self.height = (self.rows + self.header) * UNIT + FOOTER
        self.figure = plt.figure(figsize=(WIDTH, self.height), facecolor=PAGE)

    def across(self, inches):
        return inches / WIDTH

    def up(self, inches):
        """From the top of the page, as a part of its height measured from the bottom."""
        return 1 - inches / self.height

    def box(self, place):
        """Left, top, right and bottom in inches."""
        margin, gap = 0.08, 0.035
        column = (WIDTH - 2 * margin) / COLUMNS
        left = margin + place["x"] * column + gap
        right = margin + (place["x"] + place["w"]) * column - gap
        top = (place["y"] + self.header) * UNIT + gap
        return left, top, right, top + place["h"] * UNIT - 2 * gap

    def axes(self, left, top, right, bottom):
        size = [self.across(right - left), (bottom - top) / self.height]
        return self.figure.add_axes([self.across(left), self.up(bottom), *size])

    def text(self, left, top, text, **style):
        self.figure.text(self.across(left), self.up(top), text, va="center", **{"color": TEXT, **style})


def draw_panel(page, panel, source):
    left, top, right, bottom = page.box(panel["gridPos"])
    frame = page.axes(left, top, right, bottom)
    frame.set_xticks([])
    frame.set_yticks([])
    for side in frame.spines.values():
        side.set_color(LINE)
    page.text(left + 0.1, top + 0.16, panel["title"], size=9.5, weight="bold")
    legend = panel["options"].get("legend", {})
    if panel["type"] == "stat":
        area = page.axes(left + 0.03, top + 0.28, right - 0.03, bottom - 0.03)
    elif legend.get("placement") == "right":
        area = page.axes(left + 0.62, top + 0.38, right - 1.72, bottom - 0.25)
    else:
        area = page.axes(left + 0.62, top + 0.38, right - 0.15, bottom - (0.48 if legend.get("placement") else 0.25))
    if panel["type"] not in DRAWERS:
        sys.exit(f"draw: panels of the type '{panel['type']}' are not known here")
    DRAWERS[panel["type"]](area, panel, source)
    return area


def draw_annotations(board, areas, source):
    """A dashed line in every graph at each moment that is the value of an annotation, in milliseconds."""
    for annotation in board["annotations"]["list"]:
        if "expr" not in annotation:
            continue
        if not annotation.get("useValueForTime"):
            sys.exit("draw: an annotation whose time is not its value is not known here")
        for _, values in source.matrix(annotation["expr"]):
            moments = numpy.unique(values[~numpy.isnan(values)]) / 1000
            for at in moments[(moments >= source.start) & (moments <= source.end)]:
                for area in areas:
                    area.axvline(at / 86400, color=COLOURS[annotation["iconColor"]], lw=0.8, ls="--")


def draw_page(board, source, note):
    page = Page(board)
    page.text(0.12, page.header * UNIT / 2, board["title"], size=14, weight="bold")
    span = " – ".join(time.strftime("%H:%M:%S", time.gmtime(at)) for at in (source.start, source.end))
    page.text(WIDTH - 0.12, page.header * UNIT / 2, f"{span} UTC", size=9, color=FAINT, ha="right")
    areas = []
    for panel in drawn(board):
        if panel["type"] == "row":
            left, top, _, bottom = page.box(panel["gridPos"])
            page.text(left + 0.03, (top + bottom) / 2 + 0.02, panel["title"], size=10, weight="bold", color=FAINT)
            continue
        area = draw_panel(page, panel, source)
        if panel["type"] == "timeseries":
            areas.append(area)
    draw_annotations(board, areas, source)
    page.text(0.12, page.height - FOOTER / 2, note, size=7.5, color=FAINT)
    return page.figure


def save(figure, path):
    """With 256 colours: a picture of lines and letters needs no more, and is a third of the size."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=DPI)
    Image.open(memory).convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Draws the dashboard from what a Prometheus has, into a PNG.")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="default: %(default)s")
    parser.add_argument("--dashboard", default=os.path.join(here, "../../deploy/grafana/wascc-keyvalue.json"), metavar="FILE")
    parser.add_argument("--last", default="5m", metavar="TIME", help="how far to look back (default: %(default)s)")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="since 1970; default: now")
    parser.add_argument("--step", type=int, default=1, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument("output", metavar="PNG")
    arguments = parser.parse_args()
    plt.rcParams.update({"font.family": "DejaVu Sans", "text.color": TEXT, "timezone": "UTC"})
    note = ("Drawn by tests/grafana/draw.py (no Grafana): the dashboard's own queries, asked of the Prometheus that "
            "scraped the provider.")
    try:
        figure = draw_page(dashboard.load(arguments.dashboard), Source(arguments), note)
    except (ValueError, OSError) as error:
        sys.exit(f"draw: {error}")
    save(figure, arguments.output)


if __name__ == "__main__":
    main()
