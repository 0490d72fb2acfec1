"""HTTP/2 (RFC 9113): requests as streams of one connection, beside HTTP/1.1's one at a time."""
