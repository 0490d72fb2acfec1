"""The one policy of every server that speaks HTTP: TLS, users, Host, origin, headers."""
