"""The pages of the web app: where each stands, its name, and who may open it."""

from dataclasses import dataclass
from typing import Final

from tripadvance_core.domain.users import Role


@dataclass(frozen=True)
class Place:
    """One page; ``title`` is a code of the catalogue, ``least`` the least role.

    ``under`` is the path of the page that the menu marks while this one is open.
    """

    path: str
    title: str
    least: Role = Role.VIEWER
    under: str | None = None

    @property
    def marked(self) -> str:
        """The path that the menu marks."""
        return self.under or self.path


LOGIN_PAGE: Final = "/login/"
FIRST_ADMIN_PAGE: Final = "/first-admin/"
REGISTER_PAGE: Final = "/register/"
FORGOT_PAGE: Final = "/forgot/"
RESET_PAGE: Final = "/reset/"

HOME: Final = Place("/", "UI_HOME")
DATA: Final = Place("/data", "UI_DATA")
TRAINING: Final = Place("/training", "UI_TRAINING")
METRICS: Final = Place("/metrics", "UI_METRICS")
MODELS: Final = Place("/models", "UI_MODELS")
PREDICT: Final = Place("/predict", "UI_PREDICT")
UPLOAD: Final = Place("/upload", "UI_UPLOAD", Role.ANALYST, under="/data")
FILE: Final = Place("/file", "UI_FILE", under="/data")
TRAIN: Final = Place("/train", "UI_TRAIN", Role.ANALYST, under="/training")
NIGHT: Final = Place("/night", "UI_NIGHT", under="/training")

ACCOUNT: Final = Place("/account", "ACCOUNT_TITLE")
USERS: Final = Place("/users", "USERS_TITLE", Role.ADMINISTRATOR)
AUDIT: Final = Place("/audit", "AUDIT_TITLE", Role.ADMINISTRATOR, under="/users")

MENU: Final = (HOME, PREDICT, DATA, TRAINING, METRICS, MODELS)
"""What the menu lists."""

PLACES: Final = (*MENU, UPLOAD, FILE, TRAIN, NIGHT)
"""Every page of Gradio's."""

BAR: Final = (*MENU, USERS)
"""What the bar at the top leads to, for those who may."""

ALL: Final = (*PLACES, ACCOUNT, USERS, AUDIT)
"""Every page for people who are signed in."""


def place_at(path: str) -> Place | None:
    """Return the page of Gradio's that stands there, if any."""
    return next((place for place in PLACES if place.path == path), None)


def place_over(path: str) -> Place | None:
    """Return the page that stands there, or under whose address ``path`` lies.

    What the forms of a page are sent to, and what it has to download, lies there.
    """
    return next(
        (
            place
            for place in ALL
            if path == place.path
            or (place is not HOME and path.startswith(f"{place.path}/"))
        ),
        None,
    )
