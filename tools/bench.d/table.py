"""The table: its rows, what each of them is to reach, and the file that has them."""
import dataclasses
import json
import operator
import os

# Of a row: key, title, form, width.
COLUMNS = (
    ("name", "", "{}", 34), ("lanes", "lanes", "{}", 5), ("events", "events", "{:,}", 9),
    ("events_per_second", "events/s", "{:,.0f}", 9), ("ratio_to_floor", "of floor", "{:.2f}", 8),
    ("ratio_to_new", "of new", "{:.2f}", 7), ("cpu_us_per_event", "CPU us", "{:.1f}", 8),
    ("rss_peak_mib", "RSS MiB", "{:.0f}", 7), ("p50_ms", "p50 ms", "{:.0f}", 6), ("p99_ms", "p99 ms", "{:.0f}", 6),
)  # fmt: skip
_TITLES = {key: title for key, title, _, _ in COLUMNS}


@dataclasses.dataclass(frozen=True)
class Target:
    """What one figure of a row is to be."""

    sign: str
    limit: float

    def is_met(self, figure):
        return {">=": operator.ge, "<=": operator.le, "<": operator.lt}[self.sign](figure, self.limit)

    def __str__(self):
        return f"{self.sign} {self.limit:g}"


class Table:
    def __init__(self, file):
        self.rows = []
        self._file = file

    def add(self, row, targets):
        """`targets`: key -> Target. The row says which are missed, and whether all are met: null where there is none, or
        where one could not be judged since what it is a ratio to was not measured."""
        figures = {key: row.get(key) for key in targets}
        row["targets"] = {key: str(target) for key, target in targets.items()}
        row["missed"] = [key for key, figure in figures.items() if figure is not None and not targets[key].is_met(figure)]
        judged = bool(targets) and None not in figures.values()
        row["met"] = False if row["missed"] else True if judged else None
        self.rows.append(row)
        self._write()

    def _write(self):
        """After each row, so that a step that fails takes none with it; readers see the old file or the new one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        fresh.write_text(json.dumps(self.rows, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self._file)

    def __str__(self):
        lines = [_line([title for _, title, _, _ in COLUMNS], "targets")]
        for row in self.rows:
            cells = ["" if row.get(key) is None else form.format(row[key]) for key, _, form, _ in COLUMNS]
            lines.append(_line(cells, _verdict(row)))
        return "\n".join(lines)


def _line(cells, verdict):
    widths = [width for _, _, _, width in COLUMNS]
    first, *rest = cells
    figures = "".join(f"{cell:>{width + 1}}" for cell, width in zip(rest, widths[1:]))
    return f"{first:<{widths[0]}}{figures}  {verdict}".rstrip()


def _verdict(row):
    """Such as: not met: of floor >= 0.75; met: RSS MiB < 64."""
    groups = {"not met": [], "not judged": [], "met": []}
    for key, target in row["targets"].items():
        verdict = "not met" if key in row["missed"] else "not judged" if row.get(key) is None else "met"
        groups[verdict].append(f"{_TITLES[key]} {target}")
    return "; ".join(f"{verdict}: {', '.join(texts)}" for verdict, texts in groups.items() if texts)
