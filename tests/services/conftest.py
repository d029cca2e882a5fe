"""Real services on an own data folder, with a clock that the tests set."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tripadvance_core.bootstrap import Services, build_services, opened_services
from tripadvance_core.domain.entities import ColumnMapping, Upload
from tripadvance_core.domain.users import Role, User
from tripadvance_core.services import passwords
from tripadvance_core.services.audit import Actor
from tripadvance_core.services.claims import PartitionRequest
from tripadvance_core.services.night import NightOrder, NightResult
from tripadvance_core.settings import load_settings

ADDRESS = "203.0.113.7"
PASSWORD = "uma frase bem longa"

SMALL: dict[str, Any] = {"boosting_rounds": 20, "max_leaves": 16, "threads": 1}
LIVED_IN = SMALL | {"min_partition_bytes": 1, "secret": "a secret"}

# Midnight in São Paulo.
MIDNIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)


@dataclass
class FakeClock:
    now: datetime = MIDNIGHT + timedelta(hours=1)

    def __call__(self) -> datetime:
        return self.now

    def set_local(self, hour: int, minute: int = 0) -> None:
        """Set the hour of the night in São Paulo (UTC-3)."""
        self.now = MIDNIGHT + timedelta(hours=hour, minutes=minute)


@dataclass
class House:
    """The services with what tests do all the time."""

    services: Services
    clock: FakeClock
    make_fares: Callable[..., bytes]
    _files: int = field(default=0)

    def upload(self, rows: int = 300, name: str | None = None) -> Upload:
        """Take a new file in; every file is a microsecond younger than the last."""
        self._files += 1
        self.clock.now += timedelta(microseconds=1)
        upload, _ = self.services.uploads.ingest(
            self.make_fares(rows, seed=self._files),
            name or f"fares-{self._files}.csv",
            ColumnMapping(),
            owner="ana",
        )
        return upload

    def administrator(self, email: str = "ana@exemplo.com") -> User:
        """Return the first administrator, who is made when asked for first."""
        accounts = self.services.accounts
        if token := accounts.first_admin_token():
            accounts.create_first_admin(token, email, "Ana", PASSWORD)
        user = accounts.user_named(email)
        assert user is not None
        return user

    def person(self, email: str, role: Role = Role.VIEWER) -> User:
        """Return a new user, let in by the first administrator's invitation."""
        by = Actor(self.administrator(), ADDRESS)
        token = self.services.administration.invite(role, by)
        return self.services.accounts.register(
            token, email, email.partition("@")[0], PASSWORD, ADDRESS
        )

    def request(self, min_partition_bytes: int | None = None) -> PartitionRequest:
        """Ask for a partition."""
        return PartitionRequest(min_partition_bytes)

    def run(self, **order: Any) -> NightResult:
        """Run one partition without Prefect."""
        request = self.request(order.pop("min_partition_bytes", None))
        return self.services.night.run_partition(
            NightOrder(holder="test", request=request, **order),
            self.services.training,
        )

    def run_until_done(self) -> list[NightResult]:
        """Run partitions for as long as another could start."""
        results = [self.run()]
        while results[-1].more:
            results.append(self.run())
        return results


@pytest.fixture
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "BCRYPT_ROUNDS", 4)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def open_house(
    tmp_path: Path, clock: FakeClock, make_fares: Callable[..., bytes]
) -> Iterator[Callable[..., House]]:
    opened: list[House] = []

    def open_with(**settings: Any) -> House:
        services = build_services(
            load_settings(tmp_path / "data", **(SMALL | settings)), clock
        )
        opened.append(House(services, clock, make_fares))
        return opened[-1]

    yield open_with
    for house in opened:
        house.services.database.close()


@pytest.fixture(scope="session")
def lived_in(
    tmp_path_factory: pytest.TempPathFactory, make_fares: Callable[..., bytes]
) -> tuple[Path, datetime, int]:
    """Return a used data folder, the time there, and how many files were made.

    With people, two nights, MASTER, a waiting file and a refused one.
    """
    folder = tmp_path_factory.mktemp("lived-in") / "data"
    clock = FakeClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "BCRYPT_ROUNDS", 4)
        with opened_services(load_settings(folder, **LIVED_IN), clock) as services:
            house = House(services, clock, make_fares)
            services.accounts.open_session(house.person("bia@exemplo.com"))
            for rows in (300, 100):
                house.upload(rows=rows)
                house.run()
            newest = services.registry.versions()[0]
            if not newest.MASTER:
                services.registry.promote(newest.id, reason="for a test", by="ana")
            house.upload(rows=50)
            house.services.uploads.ingest(
                b"nothing", "n.csv", ColumnMapping(), owner="ana"
            )
            return folder, clock.now, house._files


@pytest.fixture
def lived_in_house(
    tmp_path: Path,
    lived_in: tuple[Path, datetime, int],
    open_house: Callable[..., House],
    clock: FakeClock,
) -> House:
    """A house that goes on with a copy of what ``lived_in`` has made."""
    folder, clock.now, files = lived_in
    shutil.copytree(folder, tmp_path / "data")
    house = open_house(**LIVED_IN)
    house._files = files
    return house


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()
