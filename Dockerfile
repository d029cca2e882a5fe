# syntax=docker/dockerfile:1
# One image for the web app, the runner and the workers:
#   docker build --tag tripadvance .
# Prefect's server for deployments/compose.yaml:
#   docker build --tag tripadvance-server --target server .

FROM python:3.11-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /build
COPY requirements-install.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --requirement requirements-install.lock

FROM build AS build-server
COPY requirements-server.lock ./
RUN python -m venv --without-pip /opt/prefect \
    && /opt/build/bin/uv pip sync --python /opt/prefect/bin/python --require-hashes requirements-server.lock

FROM build AS build-app
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/tripadvance \
    && /opt/build/bin/uv pip sync --python /opt/tripadvance/bin/python --require-hashes requirements.lock
COPY . ./
RUN /opt/build/bin/uv pip install --python /opt/tripadvance/bin/python --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm AS server
RUN useradd --uid 10002 --no-create-home --home-dir /var/lib/prefect prefect \
    && install --directory --owner=prefect --mode=0700 /var/lib/prefect
COPY --from=build-server /opt/prefect /opt/prefect
ENV PATH=/opt/prefect/bin:$PATH PYTHONUNBUFFERED=1 \
    PREFECT_HOME=/var/lib/prefect \
    PREFECT_SERVER_UI_STATIC_DIRECTORY=/var/lib/prefect/ui
WORKDIR /var/lib/prefect
USER prefect
VOLUME /var/lib/prefect
EXPOSE 4200
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "import urllib.request as ask; ask.urlopen('http://127.0.0.1:4200/api/health', timeout=4)"]
CMD ["prefect", "server", "start", "--host", "0.0.0.0", "--no-services"]

FROM python:3.11-slim-bookworm AS app
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/tripadvance tripadvance \
    && install --directory --owner=tripadvance --mode=0700 /var/lib/tripadvance
COPY --from=build-app /opt/tripadvance /opt/tripadvance
ENV PATH=/opt/tripadvance/bin:$PATH PYTHONUNBUFFERED=1 \
    PREFECT_HOME=/var/lib/tripadvance/prefect \
    TRIPADVANCE_DATA_DIR=/var/lib/tripadvance \
    TRIPADVANCE_HOST=0.0.0.0
WORKDIR /var/lib/tripadvance
USER tripadvance
VOLUME /var/lib/tripadvance
EXPOSE 7860
# Of the web app; a worker or a runner has another, or none.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as ask; ask.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "-m", "deployments.web"]
