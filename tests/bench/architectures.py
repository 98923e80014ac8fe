#!/usr/bin/env python3
"""Makes a table in Markdown and a plot in SVG from the JSON of peerlab bench architectures, of several runs the medians.

architectures.py [--svg FILE] [--readme FILE] JSON...: the table goes to stdout and, where the readme has a line
<!-- architectures --> and a line <!-- /architectures -->, between these. Nothing but the standard library is needed.
"""
import argparse
import json
import statistics
import sys

import growth

BEGIN, END = "<!-- architectures -->", "<!-- /architectures -->"
COLOURS = growth.COLOURS + ("#e69f00",)
LEGEND_STEP = 168


def medians(paths):
    """By architecture, in the order of the first run: its sizes, each the median of all runs."""
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for run in json.load(file)["runs"]:
                found.setdefault(run["architecture"], {}).setdefault(run["connections"], []).append(run)
    return {name: [{"peers": connections, **{key: statistics.median(run[key] for run in runs)
                                             for key in runs[0] if key not in ("architecture", "connections")}}
                   for connections, runs in sorted(sizes.items())]
            for name, sizes in found.items()}


def latency(us):
    return "%.3g" % (us / 1e3) if us < 1e5 else "%.0f" % (us / 1e3)


def table(architectures):
    lines = ["| architecture | connections | requests/s | p50 | p99 | p99.9 ms | refused | waiting | "
             "bytes a connection | switches a request | CPU a request |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for name, sizes in architectures.items():
        for size in sizes:
            cells = [name, "{:,.0f}".format(size["peers"]), "{:,.0f}".format(size["requests_per_s"])]
            cells += [latency(size["latency_us_" + quantile]) for quantile in ("p50", "p99", "p999")]
            cells += ["{:,.0f}".format(size[key]) for key in ("refused", "waiting", "bytes_a_connection")]
            cells += ["%.2f" % size["switches_a_request"], "%.1f us" % size["cpu_us_a_request"]]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def axes(panel):
    return [part.replace(">peers<", ">connections<") for part in panel.axes()]


def plot(architectures):
    for sizes in architectures.values():
        for size in sizes:
            size["latency_ms_p50"], size["latency_ms_p99"] = (size["latency_us_" + q] / 1e3 for q in ("p50", "p99"))
    every = [size for sizes in architectures.values() for size in sizes]
    connections = [size["peers"] for size in every]
    rates = growth.Panel(growth.PANELS[0], "requests a second", connections, [size["requests_per_s"] for size in every])
    times = growth.Panel(growth.PANELS[1], "latency in ms: p50, dashed p99", connections,
                         [size[key] for size in every for key in ("latency_ms_p50", "latency_ms_p99")])
    parts = axes(rates) + axes(times)
    for i, (name, sizes) in enumerate(architectures.items()):
        colour = COLOURS[i % len(COLOURS)]
        left = 20 + LEGEND_STEP * i
        parts += rates.curve(sizes, "requests_per_s", colour)
        parts += times.curve(sizes, "latency_ms_p50", colour)
        parts += times.curve(sizes, "latency_ms_p99", colour, dashed=True)
        parts.append(growth.line([(left, growth.HEIGHT - 10), (left + 24, growth.HEIGHT - 10)], colour, 3))
        parts.append(growth.text(left + 30, growth.HEIGHT - 6, name))
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">\n'
            '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n'
            % (growth.WIDTH, growth.HEIGHT, "\n".join(parts)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--svg")
    parser.add_argument("--readme")
    parser.add_argument("json", nargs="+")
    given = parser.parse_args()
    architectures = medians(given.json)
    made = table(architectures)
    sys.stdout.write(made)
    if given.svg:
        with open(given.svg, "w", encoding="utf-8") as file:
            file.write(plot(architectures))
    if given.readme:
        growth.put_between(given.readme, made, BEGIN, END)


if __name__ == "__main__":
    main()
