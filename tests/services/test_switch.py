"""MASTER moves as a whole or not at all, and only to files that are sound."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import SecretStr

from tripadvance_core.bootstrap import build_services
from tripadvance_core.errors import Conflict, Corrupted, NotFound, Refused
from tripadvance_core.learning.model import FareModel
from tripadvance_core.services import registry as registry_module
from tripadvance_core.services.registry import Registry
from tripadvance_core.settings import load_settings
from tripadvance_core.storage.objects import store_file


@pytest.fixture
def two_models(open_house: Callable[..., Any]) -> Any:
    """Give services in which model 1 is MASTER and model 2 is not."""
    house = open_house(min_partition_bytes=1, min_gain=0.9)
    house.upload(rows=400)
    house.upload(rows=60)
    house.run_until_done()
    return house


def fresh(house: Any, secret: str | None = None) -> Registry:
    """Return the registry of a process that has made no model itself."""
    services = house.services
    hidden = SecretStr(secret) if secret else None
    return Registry(
        services.database, services.objects, services.alerts, services.clock, hidden
    )


def test_model_that_gives_no_price_after_the_switch_is_taken_back(
    two_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = two_models.services.registry
    before = registry.master()
    answers = iter([True, False])
    monkeypatch.setattr(registry_module, "answers", lambda _model: next(answers))
    with pytest.raises(Corrupted, match="MODEL_UNSAFE"):
        registry.promote("v2", reason="try", by="ana")
    assert registry.master().id == before.id
    assert registry.history()[0].reason == "SWITCH_FAILED"
    assert [v.number for v in registry.versions() if v.MASTER] == [1]


def test_first_master_that_gives_no_price_leaves_none(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house()
    house.upload(rows=300)
    answers = iter([True, False])
    monkeypatch.setattr(registry_module, "answers", lambda _model: next(answers))
    with pytest.raises(Corrupted, match="MODEL_UNSAFE"):
        house.run()
    assert house.services.registry.master() is None


def test_first_master_that_gives_no_price_leaves_no_trace_of_its_reign(
    open_house: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house()
    house.upload(rows=300)
    registry = house.services.registry

    def answers(_model: object) -> bool:
        if registry.pointer() is None:
            return True
        fresh(house).repair()  # another process starts at this moment
        return False

    monkeypatch.setattr(registry_module, "answers", answers)
    with pytest.raises(Corrupted, match="MODEL_UNSAFE"):
        house.run()
    assert (registry.pointer(), registry.history()) == (None, [])
    assert [model for model in registry.versions() if model.MASTER] == []
    assert house.services.invariants.violations() == []
    monkeypatch.undo()
    house.run()
    assert registry.pointer().version == 1


@pytest.mark.parametrize("step", ["_read_model", "_swap", "_read_back", "repair"])
def test_crash_at_any_point_leaves_the_old_or_the_new_master(
    two_models: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    registry = two_models.services.registry
    original = getattr(registry, step)
    calls = []

    def crashes(*args: Any) -> Any:
        calls.append(args)
        if step in ("_read_model", "repair") and len(calls) < 2:
            return original(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(registry, step, crashes)
        with pytest.raises(KeyboardInterrupt):
            registry.promote("v2", reason="try", by="ana")
    again = fresh(two_models)
    again.repair()
    master = again.master()
    assert master is not None
    assert master.number in (1, 2)
    assert [v.number for v in again.versions() if v.MASTER] == [master.number]
    assert again.history()[0].model_id == master.id
    assert again.load(master).features


def promote_and_stop_at(data_dir: Path, step: str, reached: Any) -> None:
    """Begin to promote model 2 and stand still where the step would begin."""
    services = build_services(load_settings(data_dir))

    def stand_still(*_args: Any) -> None:
        reached.set()
        time.sleep(300)

    setattr(services.registry, step, stand_still)
    services.registry.trust(services.registry.version("v2").files)
    services.registry.promote("v2", reason="try", by="ana")


@pytest.mark.parametrize(("step", "reigns"), [("_swap", 1), ("_read_back", 2)])
def test_killed_process_leaves_the_old_or_the_new_master(
    two_models: Any, step: str, reigns: int
) -> None:
    processes = multiprocessing.get_context("forkserver")
    reached = processes.Event()
    data_dir = two_models.services.settings.data_dir
    child = processes.Process(
        target=promote_and_stop_at, args=(data_dir, step, reached), daemon=True
    )
    child.start()
    assert reached.wait(120)
    child.kill()
    child.join()
    services = build_services(load_settings(data_dir))
    assert services.registry.master().number == reigns
    assert [v.number for v in services.registry.versions() if v.MASTER] == [reigns]
    assert services.registry.history()[0].version == reigns
    services.database.close()


PROCESSES, THREADS = 5, 4


def promote_in_a_process(data_dir: Path, start: Any, won: Any) -> None:
    """Promote model 2 over model 1 in several threads, all at the same moment."""
    services = build_services(load_settings(data_dir))
    registry = services.registry
    model, master = registry.version("v2"), registry.version("v1")
    registry.trust(model.files)

    def promote(_number: int) -> bool:
        start.wait(60)
        try:
            registry.switch(model, replacing=master.id, reason="race", by="ana")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        won.put(list(pool.map(promote, range(THREADS))))
    services.database.close()


def test_of_twenty_promotions_in_threads_and_processes_one_wins(
    two_models: Any,
) -> None:
    processes = multiprocessing.get_context("forkserver")
    start, won = processes.Barrier(PROCESSES * THREADS), processes.Queue()
    data_dir = two_models.services.settings.data_dir
    children = [
        processes.Process(
            target=promote_in_a_process, args=(data_dir, start, won), daemon=True
        )
        for _ in range(PROCESSES)
    ]
    for child in children:
        child.start()
    outcomes = [one for _ in children for one in won.get(timeout=200)]
    for child in children:
        child.join()
    assert sorted(outcomes) == [False] * 19 + [True]
    registry = two_models.services.registry
    assert registry.pointer().version == 2
    assert len(registry.history()) == 2


def test_of_300_flipped_bits_none_is_served(two_models: Any) -> None:
    services = two_models.services
    master = services.registry.master()
    random = np.random.default_rng(7)
    for file in master.files:
        sound = services.objects.get(file.key)
        for _ in range(300 // len(master.files) + 1):
            bits = bytearray(sound)
            bit = int(random.integers(len(bits) * 8))
            bits[bit // 8] ^= 1 << bit % 8
            services.objects.put(file.key, bytes(bits))
            with pytest.raises(Corrupted, match="CHECKSUM_MISMATCH"):
                fresh(two_models).load(master)
        services.objects.put(file.key, sound)
    assert fresh(two_models).load(master).features


def test_crafted_file_with_a_matching_checksum_brings_down_a_child_alone(
    two_models: Any,
) -> None:
    services = two_models.services
    challenger = services.registry.version("v2")
    (file,) = (f for f in challenger.files if f.name == "model.ubj.zst")
    model = FareModel.from_files(
        {f.name: services.objects.get(f.key) for f in challenger.files}
    )
    trees = bytearray(model.booster.save_raw("ubj"))
    for place in range(100, len(trees), 97):
        trees[place] ^= 255
    packed = pa.compress(bytes(trees), codec="zstd", asbytes=True)
    crafted = store_file(services.objects, file.key, packed)
    files = [crafted if f.key == file.key else f for f in challenger.files]
    services.database.update(
        "models",
        {"_id": challenger.id},
        {"files": [f.model_dump(mode="json") for f in files]},
    )
    with pytest.raises(Corrupted, match="MODEL_UNSAFE"):
        fresh(two_models).promote("v2", reason="try", by="ana")
    assert services.registry.master().number == 1


def test_model_without_the_seal_of_the_secret_is_not_loaded(
    open_house: Callable[..., Any],
) -> None:
    house = open_house(secret="s3cret")
    house.upload(rows=300)
    model = house.run().model
    assert fresh(house, "s3cret").load(model).features
    with pytest.raises(Corrupted, match="SEAL_BROKEN"):
        fresh(house, "another").load(model)
    house.services.database.update("models", {"_id": model.id}, {"seal": None})
    with pytest.raises(Corrupted, match="SEAL_BROKEN"):
        fresh(house, "s3cret").load(model)


def test_switch_by_hand_needs_a_reason(two_models: Any) -> None:
    registry = two_models.services.registry
    with pytest.raises(Refused, match="REASON_MISSING"):
        registry.promote("v2", reason=" ", by="ana")
    with pytest.raises(Refused, match="REASON_MISSING"):
        registry.rollback(reason="", by="ana")


def test_every_moment_has_one_master(two_models: Any) -> None:
    registry, clock = two_models.services.registry, two_models.clock
    began = registry.history()[0].at
    registry.promote("v2", reason="try", by="ana")
    registry.rollback(reason="no good", by="ana")  # by a clock that stood still
    clock.now -= timedelta(days=2)
    registry.promote("v2", reason="again", by="ana")  # by a clock that went back
    history = registry.history()
    assert [switch.at for switch in history] == sorted(
        (switch.at for switch in history), reverse=True
    )
    assert registry.master_at(history[0].at).version == history[0].version
    assert registry.master_at(began.replace(year=2001)) is None


def test_lineage_goes_both_ways(two_models: Any) -> None:
    services = two_models.services
    first, second = services.registry.version("v1"), services.registry.version("v2")
    uploads = services.registry.uploads_of(second)
    assert [u.id for u in uploads] == list(second.upload_ids)
    learned = services.uploads.models_trained_on(uploads[0].id)
    assert [model.number for model in learned] == [1, 2]
    assert first.code_version
    with pytest.raises(NotFound):
        services.registry.version("v9")
