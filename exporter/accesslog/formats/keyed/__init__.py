"""Lines whose fields have names, JSON and logfmt: where each field is, and what it says. Pure."""
