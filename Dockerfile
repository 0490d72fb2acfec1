# One image for every part that is ours; the command chooses: timeserver, trafficgen, exporter, python -m alerts, ...
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PATH=/opt/venv/bin:$PATH

WORKDIR /opt/tidewatch
COPY requirements.txt ./
RUN python -m venv /opt/venv && pip install --require-hashes -r requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY alerts alerts
COPY dashboards dashboards
COPY exporter exporter
COPY foundation foundation
COPY timeserver timeserver
COPY trafficgen trafficgen
COPY docs docs
RUN pip install --no-deps . \
 && useradd --system --uid 10001 --no-create-home tidewatch \
 && mkdir -p /config /var/log/site /var/log/hosting /var/lib/feeds /var/lib/tidewatch \
 && chown tidewatch: /config /var/log/site /var/log/hosting /var/lib/feeds /var/lib/tidewatch

USER 10001:10001
WORKDIR /var/lib/tidewatch
# Each part tells here whether it is well; other parts than the exporter set their own address.
ENV HEALTH_URL=http://127.0.0.1:8090/-/healthy
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['HEALTH_URL'], timeout=3)"]

CMD ["exporter", "--config.file=/config/exporter/demo.yml", "--web.listen-address=0.0.0.0:8090"]
