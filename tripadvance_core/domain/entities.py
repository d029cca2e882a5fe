"""The things that are stored, as immutable values that check themselves."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.domain.panels import PanelProof
from tripadvance_core.domain.promotion import PromotionDecision, Resources
from tripadvance_core.domain.times import Moment
from tripadvance_core.formats import figure
from tripadvance_core.messages import Language, sentence


class Value(BaseModel):
    """An immutable value without an identity of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entity(Value):
    """Something with an id, kept as one document."""

    id: str

    def to_document(self) -> dict[str, Any]:
        """Return the JSON-ready document, its id under ``_id``."""
        document = self.model_dump(mode="json")
        document["_id"] = document.pop("id")
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """Read an entity back from its document."""
        fields = dict(document)
        fields["id"] = fields.pop("_id")
        return cls.model_validate(fields)


class StoredFile(Value):
    """One stored object and what its bytes must hash to."""

    key: str
    sha256: str
    size_bytes: int = Field(ge=0)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]


class UploadStatus(StrEnum):
    """Where an upload stands; an upload is in exactly one status."""

    PENDING = "pending"
    CLAIMED = "claimed"
    TRAINED = "trained"
    HELD = "held"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


DecimalMark = Literal[".", ","]
DayOrder = Literal["day_first", "month_first"]
DurationUnit = Literal["minutes", "hours"]


class Rate(Value):
    """What one unit of a currency was worth in the base currency, on which day."""

    worth: float = Field(gt=0, allow_inf_nan=False)
    day: date


class ColumnMapping(Value):
    """How a file is to be read: what its owner declared beyond the file itself.

    ``headers`` gives the file's header for a canonical column; ``aliases`` gives the
    canonical column of headers that the owner has mapped in earlier files; a file may
    lack them. ``quote_date`` is the day on which all its fares were seen; a file may
    count the days to departure from it.

    What a file leaves open is answered by ``decimal_mark``, ``date_order``,
    ``duration_unit`` and ``currency``. ``rates``, by ISO 4217 code, convert prices in
    other currencies than the base.
    """

    headers: dict[str, str] = Field(default_factory=dict)
    aliases: dict[str, str] = Field(default_factory=dict)
    sheet: str | None = None
    quote_date: date | None = None
    decimal_mark: DecimalMark | None = None
    date_order: DayOrder | None = None
    duration_unit: DurationUnit | None = None
    currency: str | None = None
    rates: dict[str, Rate] = Field(default_factory=dict)


class ColumnAlias(Entity):
    """A header that one person has mapped once, and means from then on."""

    owner: str
    header: str
    column: str


class Claim(Value):
    """A run's hold on an upload; ``token`` is that of the training lease."""

    token: str
    run_id: str


class Evidence(Value):
    """Something that speaks against a file: a message code and its figures."""

    code: str
    details: dict[str, int | float] = Field(default_factory=dict)

    def sentence(self, language: Language) -> str:
        """Say what speaks against the file, with its figures."""
        figures = {
            name: figure(value, language) for name, value in self.details.items()
        }
        return sentence(self.code, language, **figures)


class Intervention(Value):
    """What a person did about an upload, and why."""

    action: Literal["released", "withdrawn"]
    by: str
    reason: str
    at: Moment


class Upload(Entity):
    """One uploaded file. The id is taken from its bytes: same bytes, same upload.

    ``cleaned`` holds its usable rows; it is there from the moment the file was taken
    in, unless the file was refused. ``first_day`` and ``last_day`` are those of its
    flights. ``evidence`` tells why it was held.
    """

    name: str
    owner: str
    raw: StoredFile
    mapping: ColumnMapping
    status: UploadStatus
    uploaded_at: Moment
    rows_total: int = 0
    rows_kept: int = 0
    first_day: date | None = None
    last_day: date | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    intervention: Intervention | None = None
    claim: Claim | None = None
    cleaned: StoredFile | None = None
    trained_in: str | None = None

    @property
    def size_bytes(self) -> int:
        """Size of the file as it was uploaded."""
        return self.raw.size_bytes


class RunStatus(StrEnum):
    """Where the training of one partition stands.

    RELEASED: the window closed first and its uploads wait again. HELD: it failed too
    often and its uploads were set aside. STOPPED: a person stopped it; what it had
    claimed waits again. What a person orders begins as ORDERED; an experiment is FAILED
    after an error.
    """

    ORDERED = "ordered"
    OPEN = "open"
    DONE = "done"
    RELEASED = "released"
    HELD = "held"
    STOPPED = "stopped"
    FAILED = "failed"


class Rebuild(Value):
    """The order to put a model of the remaining files in the place of a MASTER."""

    replaces: str
    by: str
    reason: str


class Experiment(Value):
    """The order to train on chosen files, whatever waits, and leave them as they are.

    Unless ``may_become_master``, MASTER is left alone too, whatever comes out.
    """

    by: str
    note: str = ""
    may_become_master: bool = False


class StepUnderWay(Value):
    """The step that a run works on, and how many boosting rounds of it are done."""

    name: str
    since: Moment
    rounds_done: int = 0
    rounds: int = 0


class TrainingRun(Entity):
    """The training of one partition, and which of its steps are finished.

    A run with a ``rebuild`` has no uploads of its own: it learns from those that were
    trained on before and not withdrawn. One with an ``experiment`` learns from its
    uploads alone and claims none. The ``number`` of an ordered run is 0 until it begins.
    ``steps`` maps the name of a finished step to what it produced, so that a resumed run
    goes on from there. ``token`` is that of the lease holder. ``settings`` are what the
    run follows to its end, whatever is set meanwhile. ``failure`` is the code of the
    error that its last holder met.
    """

    number: int
    upload_ids: tuple[str, ...]
    size_bytes: int
    status: RunStatus
    token: str
    attempts: int = 1
    started_at: Moment
    finished_at: Moment | None = None
    flow_run_id: str | None = None
    rebuild: Rebuild | None = None
    experiment: Experiment | None = None
    settings: NightSettings | None = None
    settings_version: int = 0
    steps: dict[str, dict[str, Any]] = Field(default_factory=dict)
    under_way: StepUnderWay | None = None
    stopped_by: str | None = None
    failure: str | None = None


class SettingsVersion(Entity):
    """What an administrator has set for the nights from ``at`` on, and why.

    ``number`` counts the versions; 0 is what the installation itself says.
    """

    number: int
    values: NightSettings
    by: str
    reason: str
    at: Moment


class ModelRole(StrEnum):
    """The part a model plays; at most one is MASTER."""

    CHALLENGER = "CHALLENGER"
    MASTER = "MASTER"
    ARCHIVED = "ARCHIVED"


def _apart(ids: object) -> object:
    return ids.split() if isinstance(ids, str) else ids


UploadIds = Annotated[tuple[str, ...], BeforeValidator(_apart)]
"""Ids of uploads, which may be thousands: in a document they are one text."""


class ModelVersion(Entity):
    """One trained model with everything that is needed to judge it.

    ``MASTER`` and ``role`` are copies derived from the MASTER pointer and are
    repaired from it. ``rival_id`` is the MASTER whose predictions stand beside the
    model's own in ``predictions``; None where the baseline was the rival. ``replaces``
    is the MASTER that reigned meanwhile, which another version had made.
    ``withdrawn_upload_ids`` are those of its uploads that were withdrawn after it was
    trained on them. ``trained_on`` holds the sorted hashes of its training rows.
    ``seal`` is the HMAC of its files where a secret is set. ``barred`` tells why it is
    not promoted again by itself; ``code_version`` what trained it. ``experiment``
    tells that a person ordered it, on files of their choice.
    """

    number: int
    run_id: str
    role: ModelRole
    MASTER: bool = False
    created_at: Moment
    files: tuple[StoredFile, ...]
    predictions: StoredFile
    trained_on: StoredFile
    panels: tuple[PanelProof, ...] = ()
    resources: Resources | None = None
    seal: str | None = None
    barred: str | None = None
    code_version: str = ""
    currency: str
    upload_ids: UploadIds
    withdrawn_upload_ids: tuple[str, ...] = ()
    training_rows: int
    holdout_rows: int
    features: tuple[str, ...]
    parameters: dict[str, Any]
    metrics: RegressionMetrics | None
    baseline_metrics: RegressionMetrics | None
    rival_id: str | None
    replaces: str | None = None
    rival_metrics: RegressionMetrics | None
    decision: PromotionDecision | None = None
    experiment: bool = False

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"upload_ids": " ".join(self.upload_ids)}


class FareSample(Entity):
    """Past fares to show beside the prices of a model, whose id it bears.

    ``upload_ids`` are those that it was drawn from.
    """

    upload_ids: tuple[str, ...]
    fares: StoredFile


class MasterPointer(Entity):
    """Which model is MASTER; ``version`` counts the switches.

    ``decision_id`` names the record of the decision, where nobody switched by hand.
    ``bars_previous`` tells that the former MASTER is not promoted again by itself.
    """

    model_id: str
    version: int
    previous_model_id: str | None
    reason: str
    by: str
    at: Moment
    decision_id: str | None = None
    bars_previous: bool = False


class Promotion(Entity):
    """One switch of MASTER in the history; its id is the pointer's version."""

    version: int
    model_id: str
    previous_model_id: str | None
    reason: str
    by: str
    at: Moment
    decision_id: str | None = None
    bars_previous: bool = False


class DecisionRecord(Entity):
    """One decision, for good, with the stored predictions that give it again.

    ``resources`` are what challenger and rival cost when they were measured.
    """

    challenger_id: str
    rival_id: str | None
    run_id: str
    decided_at: Moment
    evidence: tuple[StoredFile, ...]
    resources: tuple[Resources, Resources] | None
    decision: PromotionDecision


class StandingPanel(Entity):
    """Panel B: the hashes of its rows, and how many decisions have rested on it."""

    number: int
    drawn_at: Moment
    rows: StoredFile
    digest: str
    used_by: tuple[str, ...] = ()


class Shadow(Entity):
    """A model that does not reign and is compared with MASTER on what arrives.

    ``former`` tells a MASTER whose successor is on probation from a challenger that
    was held. ``evidence`` are the predictions of all its looks so far.
    """

    model_id: str
    rival_id: str
    former: bool
    open: bool = True
    evidence: tuple[StoredFile, ...] = ()
    panels: tuple[PanelProof, ...] = ()
    run_ids: tuple[str, ...] = ()
