"""Lines that come as syslog messages, over UDP, TCP or a local socket.

The framing of a message (a datagram, an octet count, a line feed) is removed here; the header in front
of its text is the envelope `syslog` of the access log. The order of the files is the way of data: `endpoint` (where to
listen), `datagrams` and `streams` (the sockets), `frames` (bytes to messages).
"""
