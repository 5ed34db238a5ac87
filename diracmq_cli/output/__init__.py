"""Where messages go and how they look: text, NDJSON, templates, saved files, a command's standard input."""
