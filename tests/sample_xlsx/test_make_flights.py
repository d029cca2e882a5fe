"""The sample is what its script makes, and there is something to learn from it."""

import io
from zipfile import ZipFile

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xgboost as xgb

from sample_xlsx import make_flights
from sample_xlsx.make_flights import AIRLINE, DATE, DURATION, END, HEADER, PRICE, START


@pytest.fixture(scope="module")
def fares() -> pd.DataFrame:
    return make_flights.make_fares()


@pytest.fixture(scope="module")
def workbook(fares: pd.DataFrame) -> bytes:
    return make_flights.to_xlsx(make_flights.spoil(fares))


def contents(workbook: bytes) -> dict[str, bytes]:
    """Return what is packed: another zlib packs the same content in other bytes."""
    with ZipFile(io.BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def mape(predicted: np.ndarray, actual: pd.Series) -> float:
    return float(100 * (np.abs(predicted - actual) / actual).mean())


def test_committed_file_is_what_the_script_makes(workbook: bytes) -> None:
    assert contents(make_flights.FILE.read_bytes()) == contents(workbook)


def test_script_makes_the_same_bytes_every_time(
    fares: pd.DataFrame, workbook: bytes
) -> None:
    assert make_flights.to_xlsx(make_flights.spoil(fares)) == workbook


def test_sample_has_the_columns_of_the_original_system(workbook: bytes) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(workbook), read_only=True).worksheets[0]
    header, first = list(sheet.iter_rows(max_row=2, values_only=True))
    assert list(header) == HEADER
    assert [type(cell) for cell in first] == [str, str, str, str, int, float]


def test_six_rows_are_spoiled_and_no_others(fares: pd.DataFrame) -> None:
    spoiled = make_flights.spoil(fares)
    differs = (spoiled != fares.astype(object)).any(axis="columns")
    assert differs.sum() == 6


def test_model_beats_the_route_median_but_is_not_perfect(fares: pd.DataFrame) -> None:
    day = pd.to_datetime(fares[DATE], format="%d/%m/%Y")
    features = fares[[START, END, AIRLINE]].astype("category")
    features = features.assign(
        minutes=fares[DURATION].astype(float),
        day_of_year=day.dt.day_of_year,
        day_of_week=day.dt.day_of_week,
    )
    price = fares[PRICE].astype(float)
    held = np.random.default_rng(0).random(len(fares)) < 0.2

    def matrix(rows: np.ndarray) -> xgb.DMatrix:
        label = np.log(price[rows])
        return xgb.DMatrix(features[rows], label, enable_categorical=True, nthread=1)

    model = xgb.train({"max_depth": 6, "nthread": 1}, matrix(~held), 150)
    predicted = np.exp(model.predict(matrix(held)))
    median = price[~held].groupby([fares[START], fares[END]]).median()
    route = pd.MultiIndex.from_frame(fares.loc[held, [START, END]])
    baseline = median.reindex(route).fillna(price[~held].median()).to_numpy()

    assert 5 < mape(predicted, price[held]) < 0.8 * mape(baseline, price[held])
