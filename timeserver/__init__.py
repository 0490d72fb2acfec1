"""The time server: the current time over HTTP, with exact counts and an access log of every request."""
