"""A consumer as a service of runit, laid out as DIRAC lays out its components (``ComponentInstaller.py``)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.consumer.control import STOP_FILE
from diracmq_cli.errors import OutputError

_RUN = """\
#!/bin/bash
#
rcfile={rcfile}
[[ -e $rcfile ]] && source "$rcfile"
#
exec 2>&1
#
PATH=${{PATH:+$PATH:}}{programs}
exec {command} < /dev/null
"""

_LOG_RUN = """\
#!/bin/bash
#
rcfile={rcfile}
[[ -e $rcfile ]] && source "$rcfile"
#
exec svlogd .
"""

_LOG_CONFIG = """\
s10000000
n20
"""

_CONTROL_T = """\
#!/bin/bash
#
# runsv runs this before it sends SIGTERM for sv stop, sv restart and sv term, and sends none when this ends with 0: the
# consumer finishes what is in hand, however often it is asked. Without the directory there is no file, but a signal.
touch -- {stop_file}
"""

_PROGRAM, _TEXT = 0o755, 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a service runs.

    ``bashrc`` is that of DIRAC's root, read if it is there; ``programs`` the directory of ``dirac-consumer``, looked
    into after what that puts on the PATH; ``control`` is the control directory.
    """

    command: tuple[str, ...]
    bashrc: Path
    programs: Path
    control: Path

    def install(self, directory: Path, *, force: bool = False) -> list[Path]:
        """Write the files of the service that are not there as they should be; returns those.

        Raises:
            OutputError: a file is there and differs, and ``force`` is not given; or one cannot be written. In the first
                case nothing has been written.
        """
        files = [(directory / name, text, mode) for name, text, mode in self._files()]
        try:
            wanted = [each for each in files if _differs(*each)]
            there = [str(path) for path, _, _ in wanted if path.exists()]
            if there and not force:
                raise OutputError(
                    f"{', '.join(there)}: there already, and different", hint="--force overwrites what is there"
                )
            for path, text, mode in wanted:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, text, mode)
        except OSError as error:
            raise OutputError(f"cannot write {error.filename or directory}: {error.strerror}") from error
        return [path for path, _, _ in wanted]

    def _files(self) -> tuple[tuple[str, str, int], ...]:
        rcfile = shlex.quote(str(self.bashrc))
        run = _RUN.format(rcfile=rcfile, programs=shlex.quote(str(self.programs)), command=shlex.join(self.command))
        return (
            ("log/config", _LOG_CONFIG, _TEXT),
            ("log/run", _LOG_RUN.format(rcfile=rcfile), _PROGRAM),
            ("control/t", _CONTROL_T.format(stop_file=shlex.quote(str(self.control / STOP_FILE))), _PROGRAM),
            ("run", run, _PROGRAM),  # the last: runsv starts what has one
        )


def _differs(path: Path, text: str, mode: int) -> bool:
    return not path.is_file() or path.read_bytes() != text.encode() or path.stat().st_mode & 0o777 != mode


def _write(path: Path, text: str, mode: int) -> None:
    """In one step: bash reads a script while it runs it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.chmod(mode)
    temporary.replace(path)
