"""Push: sends the metrics of /metrics to receivers that cannot scrape, by Prometheus' remote write or by OTLP.

settings       the configuration of a receiver, an item of `remote_write:` or `otlp:` in the file
series         a collection's series, and which have vanished since the one before
write_request  series as requests of remote write
otlp           series as requests of OTLP
batches        the bounded queue between collecting and sending
answers        what a receiver's answer means: sent, send again, rejected
transport      the HTTP client: headers, secrets from files, TLS
receiver       one receiver at work: collects, queues, sends
metrics        what the receivers' queues tell of themselves
system         all receivers of a configuration
"""

from exporter.push.settings import Otlp, RemoteWrite
from exporter.push.system import Push

__all__ = ["Otlp", "Push", "RemoteWrite"]
