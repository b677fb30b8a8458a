#!/usr/bin/env python3
"""Holds a dashboard against a Prometheus that scrapes a provider with some traffic. Prints `ok NAME` or `not ok NAME` a
test, and exits with 1 where one failed.

What has no data yet is asked again until the patience is over; what Prometheus refuses has failed at once."""
import argparse
import itertools
import math
import os
import re
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../grafana"))
sys.dont_write_bytecode = True
import dashboard  # noqa: E402

VALUES = {"instance": ".*", "binding": ".*", "__rate_interval": "30s"}
# What is known of one provider that is well, by title and legend.
KNOWN = {("Instances", "ready"): 1, ("Instances", "not ready"): 0, ("Refused", "503, 507"): 0, ("Split", "split now"): 0}
# What is on the page and has no panel: it is for a closer look.
UNSHOWN = {"wascc_keyvalue_" + name for name in
           ("build_info", "workers", "keyspaces", "memory_held_bytes", "shard_keys_min", "bound_actors",
            "claims_cache_entries", "claims_cache_bytes")} | {"process_virtual_memory_bytes", "process_start_time_seconds"}
ASK_EVERY_S = 0.2

failures = 0


def report(wrong, name):
    global failures
    if wrong:
        failures += 1
        print(f"not ok {name} ({wrong})", flush=True)
    else:
        print(f"ok {name}", flush=True)


def wrong_with(prometheus, title, expression, legend):
    """Says what is wrong with the answer to a query, or None. Raises ValueError where waiting cannot mend it."""
    try:
        text = dashboard.filled_in(expression, VALUES)
    except KeyError as error:
        raise ValueError(f"there is no variable {error}") from None
    series = prometheus.query(text)
    if not series:
        return "no data"
    for one in series:
        for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", legend):
            if not one["metric"].get(label):
                return f"the legend wants a label {label}"
        value = float(one["value"][1])
        if math.isnan(value):
            return "a value is NaN"
        if KNOWN.get((title, legend), value) != value:
            return f"the value is {value:g}, not {KNOWN[(title, legend)]}"
    return None


def unasked_of(prometheus, expression):
    """Says what is wrong with a query that is to have no data, or None."""
    try:
        return "there is data" if prometheus.query(dashboard.filled_in(expression, VALUES)) else None
    except (KeyError, ValueError) as error:
        return str(error)


def patiently(until, ask):
    """Asks until nothing is wrong or the time is over, and returns what is wrong then."""
    while True:
        try:
            wrong = ask()
        except ValueError as error:
            return str(error)
        if wrong is None or time.monotonic() >= until:
            return wrong
        time.sleep(ASK_EVERY_S)


def page_names(url):
    """The names of all samples on a provider's page."""
    with urllib.request.urlopen(url, timeout=10) as page:
        return set(re.findall(r"^(\w+)", page.read().decode(), re.MULTILINE))


def check_layout(board):
    taken = {}
    for panel in dashboard.panels(board):
        place, title = panel["gridPos"], panel["title"]
        if not panel.get("description"):
            return f"'{title}' has no description"
        if place["x"] + place["w"] > 24:
            return f"'{title}' sticks out at the right"
        columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        for cell in itertools.product(columns, rows):
            if cell in taken:
                return f"'{title}' lies over '{taken[cell]}'"
            taken[cell] = title
        for item in [panel, *panel["targets"]]:
            if item["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                return f"'{title}' is tied to a data source"
    return None if taken else "there are no panels"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--page", required=True, metavar="URL", help="the provider's /metrics")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS", help="for all (default: %(default)s)")
    parser.add_argument("dashboard", metavar="FILE")
    arguments = parser.parse_args()
    board = dashboard.load(arguments.dashboard)
    prometheus = dashboard.Prometheus(arguments.prometheus)
    until = time.monotonic() + arguments.patience

    report(check_layout(board), "dashboard: panels have descriptions, places and no server's ids")
    for name, selector, label in dashboard.variables(board):
        wrong = patiently(until, lambda: wrong_with(prometheus, name, selector, "{{%s}}" % label))
        report(wrong, f"dashboard: the variable {name}")
    named = set()
    has_log = bool(dashboard.of_log(page_names(arguments.page)))
    for title, expression, legend in dashboard.queries(board):
        names = dashboard.metrics(expression)
        if not has_log and names == dashboard.of_log(names):
            report(unasked_of(prometheus, expression), f"dashboard: {title}: {legend}, without a log")
        else:
            wrong = patiently(until, lambda: wrong_with(prometheus, title, expression, legend))
            report(wrong, f"dashboard: {title}: {legend}")
        named |= names if has_log else names - dashboard.of_log(names)
    on_page = page_names(arguments.page)
    shown = named | {name.removesuffix("_bucket") + end for name in named for end in ("_sum", "_count")} | UNSHOWN
    missing = sorted(named - on_page)
    unshown = sorted(on_page - shown)
    report(f"not shown: {', '.join(unshown)}" if unshown else None, "dashboard: the other metrics of the page are known")
    report(f"missing: {', '.join(missing)}" if missing else None, f"dashboard: its {len(named)} metrics are on the page")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
