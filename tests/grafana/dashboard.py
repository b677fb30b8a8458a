"""Reads a Grafana dashboard's queries and asks them of a Prometheus, as Grafana would: for draw.py and for the test."""
import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def panels(dashboard):
    """The panels that show something, those of collapsed rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from (inner for inner in panel.get("panels", []) if inner["type"] != "row")


def queries(dashboard):
    """Every PromQL expression: (title, expression, legend), those of panels and those of annotations."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], annotation["expr"], annotation["textFormat"]


def variables(dashboard):
    """The queries of the dashboard's variables: (name, selector, label)."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.*), *(\w+)\)", variable["definition"]).groups()
            yield variable["name"], selector, label


def metrics(expression):
    """The names of the metrics in an expression that are a provider's own; `up` is Prometheus'."""
    return set(re.findall(r"\b(?:wascc_keyvalue|process)_\w+", re.sub(r'"[^"]*"', "", expression)))


def of_log(names):
    """Those of an engine with a log, which a provider with the engine memory does not have."""
    return {name for name in names
            if name.startswith("wascc_keyvalue_log_") and name != "wascc_keyvalue_log_lines_dropped_total"}


class Prometheus:
    """The HTTP API of a Prometheus. Raises ValueError with Prometheus' own words where it refuses a query."""

    def __init__(self, url, time_limit_s=10):
        self.url = url.rstrip("/")
        self.time_limit_s = time_limit_s

    def ask(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=self.time_limit_s) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error).get("error", str(error))) from None

    def query(self, expression):
        return self.ask("query", query=expression)["result"]

    def query_range(self, expression, start, end, step):
        return self.ask("query_range", query=expression, start=start, end=end, step=step)["result"]

    def scrape_interval(self):
        """The shortest of the targets that answer, in seconds."""
        targets = self.ask("targets", state="active")["activeTargets"]
        return min(seconds(target["scrapeInterval"]) for target in targets)


def seconds(text):
    """Of a duration as Prometheus writes it, such as 1m30s."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", text))


def filled_in(expression, values):
    """The expression with $name and ${name} replaced."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values[found[1] or found[2]], expression)


def rate_interval(step_s, scrape_s):
    """Grafana's $__rate_interval."""
    return f"{math.ceil(max(step_s + scrape_s, 4 * scrape_s))}s"


def legend(legend_format, labels):
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend_format)
