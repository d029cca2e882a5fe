"""The web app, whose process also reads the files that are named on its stdin.

For each it prints on stdout, on a line, how much memory its process holds then.
"""

import json
import sys
from pathlib import Path
from threading import Thread

import psutil
import uvicorn

from flows.scheduler import PrefectScheduler
from tripadvance_core.bootstrap import Services, opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.settings import load_settings
from ui.app import create_app


def read_files(services: Services) -> None:
    for line in sys.stdin:
        file, name = json.loads(line)
        content = Path(file).read_bytes()
        check = services.uploads.check(content, name, ColumnMapping(), owner="ana")
        memory = psutil.Process().memory_info().rss
        sys.stdout.write(f"{check.verdict} {memory}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    settings = load_settings()
    with opened_services(settings) as opened:
        Thread(target=read_files, args=(opened,), daemon=True).start()
        app = create_app(opened, PrefectScheduler())
        uvicorn.run(app, port=settings.web_port, log_level="warning")
