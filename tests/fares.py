"""Made-up fares that a model can learn from."""

import random
from datetime import date, timedelta


def make_fares(rows: int = 300, seed: int = 1) -> bytes:
    """Return a CSV file, always the same for a seed."""
    rng = random.Random(seed)  # noqa: S311 - test data
    cities = ["Salvador", "Recife", "São Paulo", "Belém", "Curitiba"]
    levels = {"Gol": 1.0, "Latam": 1.2, "Azul": 1.4}
    lines = ["date,start_city,end_city,airline,duration,price"]
    for _ in range(rows):
        day = date(2025, 1, 1) + timedelta(days=rng.randrange(365))
        start, end = rng.sample(cities, 2)
        airline = rng.choice(list(levels))
        minutes = 60 + 35 * abs(cities.index(start) - cities.index(end))
        season = 1.4 if day.month in (1, 7, 12) else 1.0
        price = minutes * levels[airline] * season * rng.uniform(0.95, 1.05)
        lines.append(f"{day:%d/%m/%Y},{start},{end},{airline},{minutes},{price:.2f}")
    return "\n".join(lines).encode()
