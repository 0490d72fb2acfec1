"""What the exporter's programs expose of their web policy."""

from exporter.catalogue import Family, itself
from foundation.web import REASONS, WebPolicy


def families(policy: WebPolicy) -> list[Family]:
    """How each file was read, and how many requests were refused."""
    statuses = policy.statuses()
    return [
        itself.WEB_CONFIG_RELOAD_SUCCESS.family({(status.file,): int(status.ok) for status in statuses}),
        itself.WEB_CONFIG_RELOAD_TIME.family({(status.file,): status.loaded_s for status in statuses}),
        itself.WEB_REFUSED.family({(reason,): policy.refused[reason] for reason in REASONS}),
    ]
