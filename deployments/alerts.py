"""The command ``alert-test``: whether alerts arrive."""

from deployments.console import Console, explain
from tripadvance_core.bootstrap import Services


def send_test(services: Services, console: Console) -> bool:
    """Send a message to every address; False if one, or all there are, got none."""
    attempts = services.alerts.send_test()
    if not attempts:
        console.say("ALERTS_NOT_SET_UP")
    for attempt in attempts:
        position = attempt.destination + 1
        if attempt.problem is None:
            console.say("ALERT_TEST_DELIVERED", position=position)
        else:
            problem = explain(attempt.problem, console)
            console.say("ALERT_TEST_FAILED", position=position, problem=problem)
    delivered = [attempt.problem is None for attempt in attempts]
    console.document({"delivered": delivered})
    return bool(delivered) and all(delivered)
