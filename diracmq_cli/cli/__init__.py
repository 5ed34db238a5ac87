"""Commands: parse flags, map errors to exit status. Only here is typer."""
