"""For every test: hypothesis draws without a deadline, for how long an example takes is the machine's business."""

from hypothesis import settings

settings.register_profile("tidewatch", deadline=None)
settings.load_profile("tidewatch")
