"""How often the promotion rule is wrong, beside the rules that others use.

Every challenger is held against MASTER by the product's own ``decide``, night after
night, with the rows of all its nights pooled::

    python benchmarks/promotion_rule.py --challengers 2000

Noise model: a paired difference is the true gain, a part that a whole group (route ×
ISO week) shares and a part of each row, in per cent of MASTER's error. The defaults
(8 and 40 %, 30 rows a group) are assumed, not measured.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tripadvance_core.domain.promotion import Outcome, Panel, PromotionPolicy, decide

NIGHTS_OF_A_MONTH = 30
RIVAL_ERROR = 10.0


@dataclass(frozen=True)
class Noise:
    """The spread of paired differences, in per cent of MASTER's error."""

    group_sd: float = 8
    row_sd: float = 40
    rows_a_group: int = 30

    def panel(
        self,
        true_gain: float,
        groups: int,
        nights: int,
        random: np.random.Generator,
        gain_at_others: float | None = None,
    ) -> Panel:
        """Return fares of 100, both models' errors on either side of the price.

        A third of the first night's groups are of the challenger's own files.
        """
        every = groups * nights
        own = np.repeat(np.arange(every) < groups // 3, self.rows_a_group)
        at_others = true_gain if gain_at_others is None else gain_at_others
        together = self.group_sd * random.standard_normal((every, 1))
        alone = self.row_sd * random.standard_normal((every, self.rows_a_group))
        noise = (together + alone).ravel() / 100
        gain = np.where(own, true_gain, at_others) / 100
        side = RIVAL_ERROR * np.where(np.arange(own.size) % 2, 1, -1)
        return Panel(
            actual=np.full(own.size, 100.0),
            challenger=100 + side * (1 - gain - noise / 2),
            rival=100 + side * (1 + noise / 2),
            groups=np.repeat(np.arange(every, dtype=np.int64), self.rows_a_group),
            own=own,
        )


def until(panel: Panel, rows: int) -> Panel:
    """Return the first rows of a panel."""
    return Panel(*(None if column is None else column[:rows] for column in panel[:6]))


def looks(
    panel: Panel, policy: PromotionPolicy, nights: int
) -> Iterator[tuple[int, Outcome]]:
    """Give night and outcome until the challenger is promoted or rejected."""
    a_night = panel.actual.size // nights
    for look in range(1, min(nights, policy.max_looks) + 1):
        decision = decide(
            until(panel, look * a_night),
            policy,
            challenger_id="challenger",
            rival_id="master",
            look=look,
        )
        yield look, decision.outcome
        if decision.outcome is not Outcome.HOLD:
            return


class Result(NamedTuple):
    """Shares of challengers promoted: first night, three nights, all their looks."""

    first: float
    within_three: float
    ever: float

    @property
    def in_a_month(self) -> float:
        """Promoted at least once if every night brings such a challenger."""
        return 1 - (1 - self.ever) ** NIGHTS_OF_A_MONTH


def simulate(
    true_gain: float,
    *,
    challengers: int,
    groups: int = 60,
    seed: int = 7,
    policy: PromotionPolicy | None = None,
    gain_at_others: float | None = None,
    noise: Noise | None = None,
) -> Result:
    """Return how often a challenger of that true gain is promoted, and when."""
    policy, noise = policy or PromotionPolicy(), noise or Noise()
    promoted = np.full(challengers, policy.max_looks + 1)
    for number in range(challengers):
        random = np.random.default_rng([seed, number])
        panel = noise.panel(true_gain, groups, policy.max_looks, random, gain_at_others)
        for look, outcome in looks(panel, policy, policy.max_looks):
            if outcome is Outcome.PROMOTE:
                promoted[number] = look
    return Result(
        float(np.mean(promoted == 1)),
        float(np.mean(promoted <= 3)),
        float(np.mean(promoted <= policy.max_looks)),
    )


def rival_rules(panel: Panel, random: np.random.Generator) -> dict[str, bool]:
    """Return what simpler rules say of the first night."""
    saved: NDArray[np.float64] = np.abs(panel.rival - panel.actual) - np.abs(
        panel.challenger - panel.actual
    )
    groups = np.unique(panel.groups).size
    by_group = saved.reshape(groups, -1).mean(axis=1)
    rows = saved[random.integers(0, saved.size, (400, saved.size))].mean(axis=1)
    drawn = by_group[random.integers(0, groups, (400, groups))].mean(axis=1)
    return {
        "new at least as good": bool(saved.mean() >= 0),
        "mean gain of 1 %": bool(saved.mean() >= RIVAL_ERROR / 100),
        "row bootstrap, 95 %": bool(np.quantile(rows, 0.05) > 0),
        "group bootstrap, 99 %": bool(np.quantile(drawn, 0.01) > 0),
    }


def simulate_rivals(
    true_gain: float, challengers: int, groups: int
) -> dict[str, float]:
    """Return how often each simpler rule promotes on one night."""
    found: dict[str, float] = {}
    for number in range(challengers):
        random = np.random.default_rng([7, number])
        panel = Noise().panel(true_gain, groups, 1, random)
        for name, promoted in rival_rules(panel, random).items():
            found[name] = found.get(name, 0) + promoted / challengers
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--challengers", type=int, default=2000)
    arguments.add_argument("--groups", type=int, nargs="+", default=[20, 60, 200])
    asked = arguments.parse_args()
    table = Table(title=f"{asked.challengers} challengers a line")
    for name in (
        "Rule",
        "Groups a night",
        "True gain",
        "First night",
        "Within 3 nights",
        "Ever",
        "Once in 30 nights",
    ):
        table.add_column(name, justify="right")
    cases = [(g, gain) for g in asked.groups for gain in (-3.0, 0.0, 2.0, 5.0)]
    for groups, gain in track(cases, "Simulating"):
        result = simulate(gain, challengers=asked.challengers, groups=groups)
        figures = [f"{100 * share:.2f} %" for share in result]
        month = f"{100 * result.in_a_month:.1f} %" if gain == 0 else ""
        table.add_row("TripAdvance", str(groups), f"{gain:+.0f} %", *figures, month)
        rivals = simulate_rivals(gain, min(asked.challengers, 500), groups)
        for rule, share in rivals.items():
            once = 1 - (1 - share) ** NIGHTS_OF_A_MONTH
            month = f"{100 * once:.1f} %" if gain == 0 else ""
            table.add_row(
                rule,
                str(groups),
                f"{gain:+.0f} %",
                f"{100 * share:.2f} %",
                "",
                "",
                month,
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
