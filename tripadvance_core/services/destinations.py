"""Where alerts go: e-mail, webhooks and whatever else apprise knows."""

import logging
import threading

from pydantic import SecretStr

from tripadvance_core.errors import Unavailable

DELIVERY_SECONDS = 10.0

# It quotes addresses and recipients; what went wrong is logged here, with ids.
logging.getLogger("apprise").setLevel(logging.CRITICAL)


def deliver(address: SecretStr, title: str, text: str) -> None:
    """Hand a message over, within ``DELIVERY_SECONDS``.

    Raises
    ------
    Unavailable
        ``ALERT_NOT_TAKEN`` when it was not taken in time, or not at all.
    """
    taken = threading.Event()

    def try_it() -> None:
        if _is_taken(address, title, text):
            taken.set()

    # apprise limits each read, not the whole, so a slow answer could last for ever.
    thread = threading.Thread(target=try_it, name="alert", daemon=True)
    thread.start()
    thread.join(DELIVERY_SECONDS)
    if not taken.is_set():
        raise Unavailable("ALERT_NOT_TAKEN")


def _is_taken(address: SecretStr, title: str, text: str) -> bool:
    # Here, for it takes a third of a second.
    from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode

    asset = AppriseAsset(
        app_id="TripAdvance", async_mode=False, storage_mode=PersistentStoreMode.MEMORY
    )
    courier = Apprise(asset=asset)
    return courier.add(address.get_secret_value()) and bool(
        courier.notify(title=title, body=text, body_format=NotifyFormat.TEXT)
    )
