#!/usr/bin/env python3
"""Makes a table in Markdown and a plot in SVG from the JSON of peerlab bench architectures, of several runs the medians.

architectures.py [--svg FILE] [--readme FILE] JSON...: the table goes to stdout and, where the readme has a line
<!-- architectures --> and a line <!-- /architectures -->, between these. Nothing but the standard library is needed.
"""
import json
import statistics

import charts


def medians(paths):
    """By architecture, in the order of the first run: its sizes, each the median of all runs."""
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for run in json.load(file)["runs"]:
                found.setdefault(run["architecture"], {}).setdefault(run["connections"], []).append(run)
    return {name: [{"connections": connections, **{key: statistics.median(run[key] for run in runs)
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
            cells = [name, "{:,.0f}".format(size["connections"]), "{:,.0f}".format(size["requests_per_s"])]
            cells += [latency(size["latency_us_" + quantile]) for quantile in ("p50", "p99", "p999")]
            cells += ["{:,.0f}".format(size[key]) for key in ("refused", "waiting", "bytes_a_connection")]
            cells += ["%.2f" % size["switches_a_request"], "%.1f us" % size["cpu_us_a_request"]]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(architectures):
    every = [size for sizes in architectures.values() for size in sizes]
    for size in every:
        size["latency_ms_p50"], size["latency_ms_p99"] = (size["latency_us_" + q] / 1e3 for q in ("p50", "p99"))
    rates = charts.Panel(charts.LEFT_PANEL, "requests a second", "connections", every, ["requests_per_s"])
    times = charts.Panel(charts.RIGHT_PANEL, "latency in ms: p50, dashed p99", "connections", every,
                         ["latency_ms_p50", "latency_ms_p99"])
    parts = [*rates.axes(), *times.axes()]
    for i, (name, sizes) in enumerate(architectures.items()):
        colour = charts.COLOURS[i % len(charts.COLOURS)]
        parts += rates.curve(sizes, "requests_per_s", colour)
        parts += times.curve(sizes, "latency_ms_p50", colour)
        parts += times.curve(sizes, "latency_ms_p99", colour, dashed=True)
        parts += charts.legend(20 + 168 * i, name, colour)
    return charts.document(parts)


def main():
    given = charts.arguments(__doc__.splitlines()[0])
    architectures = medians(given.json)
    charts.publish(given, "architectures", table(architectures), plot(architectures))


if __name__ == "__main__":
    main()
