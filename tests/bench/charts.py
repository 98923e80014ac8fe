"""Charts in SVG over two logarithmic axes, and where they and their tables go; for architectures.py and growth.py.

Nothing but the standard library is needed."""
import argparse
import html
import math
import sys

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # told apart by the colour-blind, too
WIDTH, HEIGHT, TOP, BOTTOM = 860, 400, 56, 60
LEFT_PANEL, RIGHT_PANEL = (64, 410), (504, 840)  # left and right ends


class Panel:
    """Two logarithmic axes, and lines between them: values of sizes by what they have under the name `along`."""

    def __init__(self, ends, title, along, sizes, keys):
        self.left, self.right = ends
        self.title = title
        self.along = along
        self.decades_x = self.decades([size[along] for size in sizes])
        self.decades_y = self.decades([size[key] for size in sizes for key in keys])

    @staticmethod
    def decades(values):
        first, last = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
        return first, max(last, first + 1)

    def x(self, value):
        first, last = self.decades_x
        return self.left + (self.right - self.left) * (math.log10(value) - first) / (last - first)

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
        yield text((self.left + self.right) / 2, HEIGHT - BOTTOM + 36, self.along, anchor="middle")

    def curve(self, sizes, key, colour, dashed=False):
        points = [(self.x(size[self.along]), self.y(size[key])) for size in sizes]
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


def legend(left, name, colour):
    yield line([(left, HEIGHT - 10), (left + 24, HEIGHT - 10)], colour, 3)
    yield text(left + 30, HEIGHT - 6, name)


def document(parts):
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">\n'
            '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n' % (WIDTH, HEIGHT, "\n".join(parts)))


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--svg")
    parser.add_argument("--readme")
    parser.add_argument("json", nargs="+")
    return parser.parse_args()


def publish(given, name, table, plot):
    """The table goes to stdout, and into the readme where that has a line <!-- name --> and a line <!-- /name -->."""
    sys.stdout.write(table)
    if given.svg:
        with open(given.svg, "w", encoding="utf-8") as file:
            file.write(plot)
    if given.readme:
        put_between(given.readme, table, "<!-- %s -->\n" % name, "<!-- /%s -->\n" % name)


def put_between(path, made, first, last):
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    begin, end = whole.find(first), whole.find(last)
    if begin < 0 or end < begin:
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(whole[:begin] + first + made + whole[end:])
