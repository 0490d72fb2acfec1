# One image for every part that is ours; the command chooses: timeserver, trafficgen, exporter, python -m alerts, ...
# `docker build --target exporter .` makes one without the extras: access logs, stats pages, logs, the time server, the
# generator; hosting, stores and releases need the whole one.
# Everything that is fetched is named by its hash: the base image here, packages in the requirements files.
ARG PYTHON_IMAGE=python:3.13-slim@sha256:6771159cd4fa5d9bba1258caf0b82e6b73458c694d178ad97c5e925c2d0e1a91

FROM ${PYTHON_IMAGE} AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.txt requirements-all.txt requirements-build.txt ./
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY packaging/hatch_build.py packaging/hatch_build.py
COPY alerts alerts
COPY dashboards dashboards
COPY exporter exporter
COPY foundation foundation
COPY timeserver timeserver
COPY trafficgen trafficgen
COPY docs docs
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && mkdir core all \
 && /opt/build/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
    --output-file core/tidewatch.cdx.json requirements.txt \
 && /opt/build/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
    --output-file all/tidewatch.cdx.json requirements-all.txt

FROM ${PYTHON_IMAGE} AS core
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --require-hashes -r requirements.txt
COPY --from=wheel /build/dist dist
RUN /opt/venv/bin/pip install --no-deps --no-index dist/*.whl
COPY --from=wheel /build/core /opt/venv/share/tidewatch

FROM core AS all
COPY requirements-all.txt ./
RUN /opt/venv/bin/pip install --require-hashes -r requirements-all.txt
COPY --from=wheel /build/all /opt/venv/share/tidewatch

FROM ${PYTHON_IMAGE} AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH
RUN useradd --system --uid 10001 --no-create-home tidewatch \
 && mkdir -p /config /var/log/site /var/log/hosting /var/lib/feeds /var/lib/tidewatch \
 && chown tidewatch: /config /var/log/site /var/log/hosting /var/lib/feeds /var/lib/tidewatch \
 && chmod 700 /var/lib/tidewatch

USER 10001:10001
WORKDIR /var/lib/tidewatch
# The exporter keeps its counts there, where its configuration does not say otherwise.
ENV STATE_DIRECTORY=/var/lib/tidewatch
# Each part tells here whether it is well; other parts than the exporter set their own address.
ENV HEALTH_URL=http://127.0.0.1:8090/-/healthy
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['HEALTH_URL'], timeout=3)"]

CMD ["exporter", "--config.file=/config/exporter/demo.yml", "--web.listen-address=0.0.0.0:8090"]

FROM base AS exporter
COPY --from=core /opt/venv /opt/venv
COPY packaging/exporter.yml /etc/tidewatch/exporter.yml
CMD ["exporter", "--config.file=/etc/tidewatch/exporter.yml", "--web.listen-address=0.0.0.0:8090"]

FROM base
COPY --from=all /opt/venv /opt/venv
