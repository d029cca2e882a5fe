"""The fare model: how it is trained, what it predicts, how it is judged."""

import os

# OpenMP reads these once, when xgboost is first imported. Its threads would otherwise
# spin while they wait for one another: 3.5 times the CPU on a machine that is shared.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
