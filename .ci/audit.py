"""Ask whether anything is known against the locked packages: ``make audit``.

Exit status 1 where a vulnerability is known. Where the service that knows does not
answer, or does not know a package, that is said, for pip-audit itself calls it no
finding; and the work goes on.
"""

import json
import subprocess
import sys
from typing import Any

ASK = [
    *(sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock"),
    *("--requirement", "requirements-server.lock"),
    *("--require-hashes", "--disable-pip", "--format", "json"),
    *("--progress-spinner", "off", "--timeout", "15"),
]


def main() -> None:
    """Ask, tell, and end with the status."""
    asked = subprocess.run(ASK, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        reason = asked.stderr.strip().splitlines()[-1:]
        print("NOT AUDITED: the service did not answer.", *reason)
        return
    lines, known = judge(packages)
    print(*lines, sep="\n")
    sys.exit(1 if known else 0)


def judge(packages: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Return what to tell of the audited packages, and whether anything is known."""
    unasked = [each for each in packages if "skip_reason" in each]
    lines = [
        f"{each['name']} {each['version']}: {vuln['id']}, "
        f"mended in {', '.join(vuln['fix_versions']) or 'no version yet'}"
        for each in packages
        for vuln in each.get("vulns", [])
    ]
    known = bool(lines)
    audited = len(packages) - len(unasked)
    lines.append(f"{audited} of {len(packages)} packages were audited.")
    if unasked:
        reason = unasked[0]["skip_reason"]
        lines.append(f"NOT AUDITED: {len(unasked)} packages, the first one: {reason}")
    return lines, known


if __name__ == "__main__":
    main()
