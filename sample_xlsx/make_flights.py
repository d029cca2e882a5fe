"""Make flights.xlsx: invented Brazilian domestic fares of 2025, always the same ones.

Run it with ``.venv/bin/python sample_xlsx/make_flights.py``.

Nothing here was observed. A fare is a base that grows with the distance, times the
factors below, times noise; so there is something to learn, and a limit to it. The
fares of a month are looked up on its first day: an early day of the month is a
flight booked late. A few rows are spoiled on purpose, to be refused with a reason.
"""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter

FILE = Path(__file__).with_name("flights.xlsx")
SEED = 2025
ROWS = 4000
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)

HEADER = [
    "date(DD/MM/YYYY)",
    "start_city",
    "end_city",
    "airline",
    "duration(minutes)",
    "price(dol)",
]
DATE, START, END, AIRLINE, DURATION, PRICE = HEADER

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class City(NamedTuple):
    """A city, where its airport lies (degrees), and how much it is flown to."""

    name: str
    latitude: float
    longitude: float
    traffic: float


CITIES = [
    City("São Paulo", -23.5, -46.6, 10.0),
    City("Rio de Janeiro", -22.9, -43.2, 6.0),
    City("Brasília", -15.9, -47.9, 5.0),
    City("Belo Horizonte", -19.6, -44.0, 4.0),
    City("Salvador", -12.9, -38.3, 3.0),
    City("Recife", -8.1, -34.9, 3.0),
    City("Porto Alegre", -30.0, -51.2, 3.0),
    City("Fortaleza", -3.8, -38.5, 2.5),
    City("Curitiba", -25.5, -49.2, 2.5),
    City("Florianópolis", -27.7, -48.5, 1.5),
    City("Belém", -1.4, -48.5, 1.5),
    City("Goiânia", -16.6, -49.2, 1.2),
    City("Manaus", -3.0, -60.0, 1.2),
    City("Vitória", -20.3, -40.3, 1.2),
]
AIRLINE_LEVEL = {"Gol": 0.94, "Latam": 1.05, "Azul": 1.16}
AIRLINE_SHARE = [0.36, 0.36, 0.28]
WEEKDAY_LEVEL = np.array([1.05, 0.92, 0.90, 1.00, 1.18, 0.95, 1.15])
CONNECTION_LEVEL = 0.84
ROUTE_SPREAD = 0.12
NOISE = 0.08


def make_fares(rows: int = ROWS) -> pd.DataFrame:
    """Return fares in order of departure, the columns named as in HEADER."""
    random = np.random.default_rng(SEED)
    fares = _trips(random, rows)
    km = fares["km"].to_numpy()
    connects = random.random(rows) < _connection_share(km)
    fares[AIRLINE] = random.choice(list(AIRLINE_LEVEL), size=rows, p=AIRLINE_SHARE)
    fares[DURATION] = _minutes(random, km, connects)
    fares[PRICE] = _prices(random, fares, connects)
    fares = fares.sort_values("day", kind="stable", ignore_index=True)
    fares[DATE] = fares["day"].dt.strftime("%d/%m/%Y")
    return fares[HEADER]


def spoil(fares: pd.DataFrame) -> pd.DataFrame:
    """Return the fares with one defect each in six rows, spread over the year."""
    fares = fares.astype(object)
    defects = [
        (DATE, "14/07"),
        (DATE, "31/02/2025"),
        (AIRLINE, None),
        (DURATION, 0),
        (PRICE, -89.9),
        (PRICE, "a consultar"),
    ]
    for number, (column, value) in enumerate(defects, start=1):
        fares.loc[number * len(fares) // 7, column] = value
    return fares


def to_xlsx(fares: pd.DataFrame) -> bytes:
    """Write a workbook that does not tell when it was written."""
    workbook = Workbook(write_only=True)
    workbook.properties.created = workbook.properties.modified = MADE_AT.replace(
        tzinfo=None
    )
    sheet = workbook.create_sheet("fares")
    sheet.append(list(fares.columns))
    for row in fares.itertuples(index=False):
        sheet.append(row)
    buffer = io.BytesIO()
    ExcelWriter(workbook, ZipFile(buffer, "w")).save()
    return _without_times(buffer)


def _trips(random: np.random.Generator, rows: int) -> pd.DataFrame:
    routes = _routes(random)
    drawn = random.choice(len(routes), size=rows, p=routes["share"])
    year = pd.date_range("2025-01-01", "2025-12-31")
    return routes.iloc[drawn].assign(day=random.choice(year, size=rows))


def _routes(random: np.random.Generator) -> pd.DataFrame:
    cities = pd.DataFrame(CITIES)
    routes = cities.merge(cities, how="cross", suffixes=("_from", "_to"))
    routes = routes[routes["name_from"] != routes["name_to"]]
    traffic = routes["traffic_from"] * routes["traffic_to"]
    return pd.DataFrame(
        {
            START: routes["name_from"],
            END: routes["name_to"],
            "km": _kilometres(routes),
            "share": traffic / traffic.sum(),
            "level": np.exp(random.normal(0, ROUTE_SPREAD, len(routes))),
        }
    )


def _kilometres(routes: pd.DataFrame) -> Floats:
    """Distance over a flat map: a degree is 111 km, less across a meridian."""
    north = (routes["latitude_to"] - routes["latitude_from"]).to_numpy()
    east = (routes["longitude_to"] - routes["longitude_from"]).to_numpy()
    middle = np.radians((routes["latitude_to"] + routes["latitude_from"]) / 2)
    distance: Floats = 111 * np.hypot(north, east * np.cos(middle.to_numpy()))
    return distance


def _connection_share(km: Floats) -> Floats:
    return 1 / (1 + np.exp((1800 - km) / 500))


def _minutes(random: np.random.Generator, km: Floats, connects: Flags) -> Floats:
    waiting = connects * random.uniform(70, 200, km.size)
    return 5 * np.round((40 + km / 12.5 + waiting) / 5)


def _prices(
    random: np.random.Generator, fares: pd.DataFrame, connects: Flags
) -> pd.Series:
    noise = np.exp(random.normal(0, NOISE, len(fares)))
    return (
        (9 * fares["km"] ** 0.38)
        .mul(fares["level"])
        .mul(fares[AIRLINE].map(AIRLINE_LEVEL))
        .mul(WEEKDAY_LEVEL[fares["day"].dt.day_of_week])
        .mul(_season_level(fares["day"]))
        .mul(_lead_level(fares["day"].dt.day))
        .mul(np.where(connects, CONNECTION_LEVEL, 1))
        .mul(noise)
        .round(2)
    )


def _season_level(day: pd.Series) -> Floats:
    """School holidays in January and July, Carnaval, and the end of the year."""
    return np.select(
        [
            day.dt.month.isin([1, 7]),
            day.between("2025-02-27", "2025-03-05"),
            day >= "2025-12-15",
        ],
        [1.28, 1.45, 1.50],
        default=1.0,
    )


def _lead_level(days_ahead: pd.Series) -> Floats:
    return np.select([days_ahead <= 7, days_ahead <= 21], [1.45, 1.18], default=1.0)


def _without_times(workbook: io.BytesIO) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(workbook) as source, ZipFile(buffer, "w") as target:
        for name in source.namelist():
            entry = ZipInfo(name, MADE_AT.timetuple()[:6])
            target.writestr(entry, source.read(name), ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


if __name__ == "__main__":
    FILE.write_bytes(to_xlsx(spoil(make_fares())))
