"""systemd's journal, through journalctl: `settings` (what to read), `records` (JSON), `follow` (the program)."""
