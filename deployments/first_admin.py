"""The link with which a fresh installation gets its first administrator."""

from deployments.console import Console
from tripadvance_core.bootstrap import Services


def show_first_admin_link(services: Services, console: Console) -> None:
    """Print a link that works once, unless there is an administrator already."""
    token = services.accounts.first_admin_token()
    if token is not None:
        console.say("UP_FIRST_ADMIN")
        console.line(f"{services.settings.address_for_people}/first-admin/#{token}")
