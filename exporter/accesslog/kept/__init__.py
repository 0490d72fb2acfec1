"""The routes that a source's state holds, to look at and to forget: `exporter routes`."""
