#!/usr/bin/env python3
"""Makes a table in Markdown and a plot in SVG from the JSON of the workloads' benches (peerlab bench NAME --json).

growth.py [--svg FILE] [--readme FILE] JSON...: the table goes to stdout and, where the readme has a line <!-- growth -->
and a line <!-- /growth -->, between these. Nothing but the standard library is needed.
"""
import json

import charts


def rate(per_s):
    return "%.3g M" % (per_s / 1e6)


def table(workloads):
    lines = ["| workload | peers | engine | by hand | engine / by hand | bytes a peer | start-up |",
             "|---|---:|---:|---:|---:|---:|---:|"]
    for workload in workloads:
        for size in workload["sizes"]:
            cells = [workload["workload"], "{:,}".format(size["peers"]),
                     rate(size["engine_per_s"]) + " " + workload["unit"] + "/s", rate(size["limit_per_s"]),
                     "%.2f" % size["ratio"], "{:,.0f}".format(size["bytes_a_peer"]), "%.2f s" % size["setup_s"]]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(workloads):
    every = [size for workload in workloads for size in workload["sizes"]]
    rates = charts.Panel(charts.LEFT_PANEL, "events (messages) a second of user CPU; dashed: by hand", "peers", every,
                         ["engine_per_s", "limit_per_s"])
    memory = charts.Panel(charts.RIGHT_PANEL, "bytes a peer, of the whole process", "peers", every, ["bytes_a_peer"])
    parts = [*rates.axes(), *memory.axes()]
    for i, workload in enumerate(workloads):
        sizes, colour = workload["sizes"], charts.COLOURS[i % len(charts.COLOURS)]
        parts += rates.curve(sizes, "engine_per_s", colour)
        parts += rates.curve(sizes, "limit_per_s", colour, dashed=True)
        parts += memory.curve(sizes, "bytes_a_peer", colour)
        parts += charts.legend(70 + 190 * i, workload["workload"], colour)
    return charts.document(parts)


def main():
    given = charts.arguments(__doc__.splitlines()[0])
    workloads = []
    for path in given.json:
        with open(path, encoding="utf-8") as file:
            workloads.append(json.load(file))
    charts.publish(given, "growth", table(workloads), plot(workloads))


if __name__ == "__main__":
    main()
