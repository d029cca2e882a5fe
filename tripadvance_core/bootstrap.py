"""The composition root: settings in, services out."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from tripadvance_core.domain.times import Clock, utc_now
from tripadvance_core.errors import Unavailable
from tripadvance_core.services.accounts import AccountService
from tripadvance_core.services.administration import Administration
from tripadvance_core.services.alerts import Alerts
from tripadvance_core.services.arrivals import Announcer, Arrivals, Silence
from tripadvance_core.services.audit import AuditLog
from tripadvance_core.services.backup import Backups
from tripadvance_core.services.card import Cards
from tripadvance_core.services.claims import Claims
from tripadvance_core.services.experiments import Experiments
from tripadvance_core.services.explore import Explorer
from tripadvance_core.services.figures import FiguresService
from tripadvance_core.services.filling import Filling
from tripadvance_core.services.installation import Installation
from tripadvance_core.services.invariants import Invariants
from tripadvance_core.services.judging import Judging
from tripadvance_core.services.mail import Mailer
from tripadvance_core.services.metrics import ModelMetrics
from tripadvance_core.services.moving import Move
from tripadvance_core.services.night import Night
from tripadvance_core.services.night_settings import NightSettingsService
from tripadvance_core.services.overview import OverviewService
from tripadvance_core.services.own_account import OwnAccount
from tripadvance_core.services.panels import Panels
from tripadvance_core.services.past_fares import PastFareSamples
from tripadvance_core.services.prediction import PredictionService
from tripadvance_core.services.promotion import Promoter
from tripadvance_core.services.rebuilds import Rebuilds
from tripadvance_core.services.registry import Registry
from tripadvance_core.services.restore import Restore
from tripadvance_core.services.rows import OwnProver, ProverElsewhere, RowProver
from tripadvance_core.services.runs import Runs
from tripadvance_core.services.sweeper import Sweeper
from tripadvance_core.services.training import TrainingService
from tripadvance_core.services.uploads import UploadService
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.functions import LambdaByName
from tripadvance_core.storage.objects import ObjectStore


@dataclass(frozen=True)
class Services:
    """Everything that a front end may ask for."""

    settings: Settings
    database: Database
    objects: ObjectStore
    clock: Clock
    installation: Installation
    invariants: Invariants
    backups: Backups
    accounts: AccountService
    own_account: OwnAccount
    administration: Administration
    audit: AuditLog
    mailer: Mailer
    alerts: Alerts
    overview: OverviewService
    figures: FiguresService
    uploads: UploadService
    explorer: Explorer
    claims: Claims
    training: TrainingService
    registry: Registry
    promoter: Promoter
    cards: Cards
    metrics: ModelMetrics
    night: Night
    night_settings: NightSettingsService
    experiments: Experiments
    rebuilds: Rebuilds
    runs: Runs
    prediction: PredictionService


def build_services(
    settings: Settings, clock: Clock = utc_now, announcer: Announcer | None = None
) -> Services:
    """Connect the services to the storage that the settings name.

    Uploads that come to wait are told to ``announcer``, where there is one.

    Raises
    ------
    Unavailable
        When the data folder, the database or the object store cannot be used.
    SettingRefused
        ``S3_BLOCK_MISSING`` where the object store is a block that Prefect has not.
    """
    make_private(settings)
    database = open_database(settings)
    with ExitStack() as unless_built:
        unless_built.callback(database.close)
        services = _services_on(database, settings, clock, announcer or Silence())
        unless_built.pop_all()
    return services


def _services_on(
    database: Database, settings: Settings, clock: Clock, announcer: Announcer
) -> Services:
    objects = open_objects(settings)
    installation = Installation(settings, database, objects)
    installation.setup()
    alerts = Alerts(settings, database, clock)
    registry = Registry(database, objects, alerts, clock, settings.secret)
    registry.repair()
    night_settings = NightSettingsService(settings, database, clock)
    claims = Claims(settings, night_settings, database, alerts, clock)
    arrivals = Arrivals(night_settings, claims, announcer, clock)
    uploads = UploadService(
        settings, database, objects, alerts, arrivals.announce, clock
    )
    uploads.repair()
    panels = Panels(settings, database, objects, clock)
    promoter = Promoter(
        settings, night_settings, database, objects, registry, panels, clock
    )
    training = TrainingService(
        settings,
        night_settings,
        database,
        objects,
        row_prover(settings, objects),
        registry,
        Judging(settings, database, objects, registry, panels, clock),
        promoter,
        alerts,
        clock,
    )
    return Services(
        settings=settings,
        database=database,
        objects=objects,
        clock=clock,
        installation=installation,
        invariants=Invariants(database, objects, registry),
        backups=Backups(database, objects, clock),
        accounts=AccountService(settings, database, clock),
        own_account=OwnAccount(database, clock),
        administration=Administration(database, clock),
        audit=AuditLog(database, clock),
        mailer=Mailer(settings),
        alerts=alerts,
        overview=OverviewService(night_settings, claims, database, clock),
        figures=FiguresService(database, registry, alerts),
        uploads=uploads,
        explorer=Explorer(database, objects),
        claims=claims,
        training=training,
        registry=registry,
        promoter=promoter,
        cards=Cards(registry, objects),
        metrics=ModelMetrics(registry, objects, promoter),
        night=Night(
            settings,
            night_settings,
            database,
            claims,
            training,
            registry,
            Sweeper(database, objects, clock),
            clock,
        ),
        night_settings=night_settings,
        experiments=Experiments(night_settings, database, clock),
        rebuilds=Rebuilds(night_settings, database, registry, clock),
        runs=Runs(database, claims),
        prediction=PredictionService(
            settings, registry, PastFareSamples(database, objects), clock
        ),
    )


@contextmanager
def opened_services(
    settings: Settings, clock: Clock = utc_now, announcer: Announcer | None = None
) -> Iterator[Services]:
    """Build the services and close their connections in the end."""
    services = build_services(settings, clock, announcer)
    try:
        yield services
    finally:
        if announcer is not None:
            announcer.close()  # it looks into the database
        services.database.close()


@contextmanager
def opened_restore(settings: Settings, clock: Clock = utc_now) -> Iterator[Restore]:
    """Connect what brings a backup back, where no services can be built yet.

    Raises
    ------
    Unavailable
        See ``build_services``.
    """
    with _opened_filling(settings, settings, clock) as filling:
        yield Restore(filling)


@contextmanager
def opened_move(
    here: Settings, there: Settings, clock: Clock = utc_now
) -> Iterator[Move]:
    """Connect what moves an installation; of ``there`` only where its storage lies.

    Raises
    ------
    Unavailable
        See ``build_services``.
    """
    make_private(here)
    with (
        closing(open_database(here)) as database,
        _opened_filling(there, here, clock) as filling,
    ):
        objects = open_objects(here)
        installation = Installation(here, database, objects)
        yield Move(database, objects, installation, filling, clock)


@contextmanager
def _opened_filling(
    storage: Settings, settings: Settings, clock: Clock
) -> Iterator[Filling]:
    make_private(storage)
    with closing(open_database(storage)) as database:
        objects = open_objects(storage)
        alerts = Alerts(settings, database, clock)
        registry = Registry(database, objects, alerts, clock, settings.secret)
        yield Filling(
            database,
            objects,
            Installation(settings, database, objects),
            registry,
            Invariants(database, objects, registry),
        )


def open_database(settings: Settings) -> Database:
    """Open MongoDB where its address is set, else the embedded database."""
    if settings.mongodb_uri is not None:
        from tripadvance_core.storage.mongodb import MongoDatabase

        return MongoDatabase(
            settings.mongodb_uri.get_secret_value(), settings.mongodb_database
        )
    from tripadvance_core.storage.sqlite import SqliteDatabase

    return SqliteDatabase(settings.data_dir / "tripadvance.db")


def open_objects(settings: Settings) -> ObjectStore:
    """Open S3 where a block or a bucket is set, else a folder.

    The S3 store is imported here, for it brings Prefect along, which takes seconds.
    """
    if settings.s3_block is not None:
        from tripadvance_core.storage.s3 import store_of_block

        return store_of_block(settings.s3_block)
    if settings.s3_bucket is not None:
        from tripadvance_core.storage.s3 import S3Store

        return S3Store(settings.s3_bucket, settings.s3_prefix, settings.s3_endpoint_url)
    from tripadvance_core.storage.folder import FolderStore

    return FolderStore(settings.data_dir / "objects")


def row_prover(settings: Settings, objects: ObjectStore) -> RowProver:
    """Have Lambda prove the rows of files where a function is named, else do it here."""
    if settings.lambda_preprocess is None:
        return OwnProver(objects)
    return ProverElsewhere(LambdaByName(settings.lambda_preprocess))


def make_private(settings: Settings) -> None:
    """Make the data folder, and close it to all but its owner.

    Raises
    ------
    Unavailable
        ``DATA_DIR_NOT_WRITABLE``.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = settings.data_dir.stat()
        if found.st_uid == os.getuid() and found.st_mode & 0o077:
            settings.data_dir.chmod(0o700)
        probe = settings.data_dir / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may have been first
    except OSError as error:
        raise Unavailable(
            "DATA_DIR_NOT_WRITABLE", path=settings.data_dir, problem=error.strerror
        ) from error
