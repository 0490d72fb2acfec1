"""Where records come from: followed files, HTTP fetches, pushed streams and whole files."""
