"""Man pages and completions, written from the same typer applications that parse the command line."""
