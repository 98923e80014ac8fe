#!/usr/bin/env python3
"""Makes a table in Markdown and a plot in SVG from the JSON of the workloads' benches (peerlab bench NAME --json).

growth.py [--svg FILE] [--readme FILE] JSON...: the table goes to stdout and, where the readme has a line <!-- growth -->
and a line <!-- /growth -->, between these. Nothing but the standard library is needed.
"""
import argparse
import html
import json
import math
import sys

BEGIN, END = "<!-- growth -->", "<!-- /growth -->"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart by the colour-blind, too
WIDTH, HEIGHT, TOP, BOTTOM = 860, 400, 56, 60
PANELS = ((64, 410), (504, 840))  # left and right ends


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


class Panel:
    """Two logarithmic axes, and lines between them."""

    def __init__(self, ends, title, peers, values):
        self.left, self.right = ends
        self.title = title
        self.decades_x = self.decades(peers)
        self.decades_y = self.decades(values)

    @staticmethod
    def decades(values):
        first, last = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
        return first, max(last, first + 1)

    def x(self, peers):
        first, last = self.decades_x
        return self.left + (self.right - self.left) * (math.log10(peers) - first) / (last - first)

    def y(self, value):
        first, last = self.decades_y
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (math.log10(value) - first) / (last - first)

    def axes(self):
        yield text(self.left, TOP - 14, self.title, weight="bold")
        for decade in range(self.decades_y[0], self.decades_y[1] + 1):
            y = self.y(10.0 ** decade)
            yield line([(self.left, y), (self.right, y)], "#ccc", 1)
            yield text(self.left - 6, y + 4, power(decade), anchor="end")
        for decade in range(self.decades_x[0], self.decades_x[1] + 1):
            x = self.x(10.0 ** decade)
            yield line([(x, TOP), (x, HEIGHT - BOTTOM)], "#eee", 1)
            yield text(x, HEIGHT - BOTTOM + 18, power(decade), anchor="middle")
        yield text((self.left + self.right) / 2, HEIGHT - BOTTOM + 36, "peers", anchor="middle")

    def curve(self, sizes, key, colour, dashed=False):
        points = [(self.x(size["peers"]), self.y(size[key])) for size in sizes]
        yield line(points, colour, 2, "6 4" if dashed else None)
        if not dashed:
            for x, y in points:
                yield '<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x, y, colour)


def power(decade):
    names = {3: "1 k", 4: "10 k", 5: "100 k", 6: "1 M", 7: "10 M", 8: "100 M", 9: "1 G"}
    return names.get(decade, "%g" % 10.0 ** decade)


def line(points, colour, width, dashes=None):
    return '<polyline points="%s" fill="none" stroke="%s" stroke-width="%g"%s/>' % (
        " ".join("%.1f,%.1f" % point for point in points), colour, width,
        ' stroke-dasharray="%s"' % dashes if dashes else "")


def text(x, y, what, anchor="start", weight="normal", colour="#222"):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" font-weight="%s" fill="%s">%s</text>' % (
        x, y, anchor, weight, colour, html.escape(what))


def plot(workloads):
    sizes = [size for workload in workloads for size in workload["sizes"]]
    peers = [size["peers"] for size in sizes]
    rates = Panel(PANELS[0], "events (messages) a second of user CPU; dashed: by hand", peers,
                  [size[key] for size in sizes for key in ("engine_per_s", "limit_per_s")])
    memory = Panel(PANELS[1], "bytes a peer, of the whole process", peers, [size["bytes_a_peer"] for size in sizes])
    parts = list(rates.axes()) + list(memory.axes())
    for i, workload in enumerate(workloads):
        colour = COLOURS[i % len(COLOURS)]
        parts += rates.curve(workload["sizes"], "engine_per_s", colour)
        parts += rates.curve(workload["sizes"], "limit_per_s", colour, dashed=True)
        parts += memory.curve(workload["sizes"], "bytes_a_peer", colour)
        parts.append(line([(70 + 190 * i, HEIGHT - 10), (94 + 190 * i, HEIGHT - 10)], colour, 3))
        parts.append(text(100 + 190 * i, HEIGHT - 6, workload["workload"]))
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">\n'
            '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n' % (WIDTH, HEIGHT, "\n".join(parts)))


def put_between(path, made, first=BEGIN, last=END):
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    begin, end = whole.find(first + "\n"), whole.find(last + "\n")
    if begin < 0 or end < begin:
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(whole[:begin] + first + "\n" + made + whole[end:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--svg")
    parser.add_argument("--readme")
    parser.add_argument("json", nargs="+")
    given = parser.parse_args()
    workloads = []
    for path in given.json:
        with open(path, encoding="utf-8") as file:
            workloads.append(json.load(file))
    made = table(workloads)
    sys.stdout.write(made)
    if given.svg:
        with open(given.svg, "w", encoding="utf-8") as file:
            file.write(plot(workloads))
    if given.readme:
        put_between(given.readme, made)


if __name__ == "__main__":
    main()
