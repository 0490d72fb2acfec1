"""Lists and deletes the routes in a source's state: `exporter routes`."""
