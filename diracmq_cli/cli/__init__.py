"""Commands: parse flags, map errors to exit status. Only here is typer.

These functions are the console scripts of pyproject.toml.
"""


def main() -> None:
    """Run ``dirac-mq``."""
    _begin()
    from diracmq_cli.cli.apps import suite

    suite()(prog_name="dirac-mq")


def send() -> None:
    """Run ``dirac-mq-send``."""
    _run("send")


def tail() -> None:
    """Run ``dirac-mq-tail``."""
    _run("tail")


def list_() -> None:
    """Run ``dirac-mq-list``."""
    _run("list")


def consume() -> None:
    """Run ``dirac-mq-consume``."""
    _run("consume")


def peek() -> None:
    """Run ``dirac-mq-peek``."""
    _run("peek")


def check() -> None:
    """Run ``dirac-mq-check``."""
    _run("check")


def consumer() -> None:
    """Run ``dirac-consumer``."""
    _begin()
    from diracmq_cli.cli.apps import single

    single("consumer")(prog_name="dirac-consumer")


def _run(verb: str) -> None:
    _begin()
    from diracmq_cli.cli.apps import single

    single(verb)(prog_name=f"dirac-mq-{verb}")


def _begin() -> None:
    """Take the process over from the interpreter: nothing has begun that Ctrl-C would have to bring to an end."""
    import signal

    from diracmq_cli.cli.streams import hold_standard_streams

    hold_standard_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
