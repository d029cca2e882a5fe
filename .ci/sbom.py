"""Write what the product is made of, as CycloneDX: ``make sbom``.

The packages of the lock with their hashes, but not where they come from: that is a
matter of whoever installs them.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ASK = [
    *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
    *("--pyproject", "pyproject.toml", "--short-PURLs", "--output-reproducible"),
    *("--no-validate", "requirements.lock"),
]


def main(target: Path) -> None:
    """Write the bill to a file."""
    made = subprocess.run(ASK, capture_output=True, text=True, check=True)
    bill = json.loads(made.stdout)
    del bill["metadata"]["tools"]
    bill["components"] = list(map(without_addresses, bill["components"]))
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    print(f"{target}: {len(bill['components'])} packages")


def without_addresses(component: dict[str, Any]) -> dict[str, Any]:
    """Return a component with the hashes of its files in the place of their address."""
    hashes = [
        digest
        for reference in component.get("externalReferences", [])
        for digest in reference.get("hashes", [])
    ]
    left_out = {"externalReferences", "description"}
    kept = {name: value for name, value in component.items() if name not in left_out}
    return kept | {"hashes": hashes}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
