"""Build the RabbitMQ plugin ``rabbitmq_grid_proxy`` from the Erlang sources in this package, with ``erlc`` alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from diracmq_cli.errors import MQError, UsageError
from diracmq_cli.version import __version__

PLUGIN_NAME = "rabbitmq_grid_proxy"
INSTALLATIONS = Path("/usr/lib/rabbitmq/lib")
"""Where the Debian and RPM packages put ``rabbitmq_server-VERSION``."""

_COMPILE_TIMEOUT = 120.0


def find_rabbitmq_home() -> Path:
    """The newest RabbitMQ installed here, such as ``/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8``.

    Raises:
        MQError: there is none; the hint names the package to install.
    """
    homes = [home for home in INSTALLATIONS.glob("rabbitmq_server-*") if (home / "plugins").is_dir()]
    if not homes:
        raise MQError(f"no RabbitMQ server in {INSTALLATIONS}", hint="apt-get install rabbitmq-server")
    return max(homes, key=_version_of)


def build_plugin(out: Path, *, rabbitmq_home: Path | None = None) -> Path:
    """Compile the plugin for the Erlang on the PATH into ``out/rabbitmq_grid_proxy-VERSION/ebin``.

    ``out`` can then stand in RABBITMQ_PLUGINS_DIR. The same sources and compiler give the same octets; an earlier
    build of the same version is replaced, and a failed build leaves it alone.

    Args:
        out: directory, made if missing.
        rabbitmq_home: RabbitMQ to compile against; default: the newest installed.

    Returns:
        The plugin's own directory.

    Raises:
        UsageError: ``rabbitmq_home`` is no RabbitMQ.
        MQError: RabbitMQ or ``erlc`` is missing, or the sources do not compile with this Erlang.
    """
    home = rabbitmq_home or find_rabbitmq_home()
    library = _behaviour_library(home)
    erlc = shutil.which("erlc")
    if erlc is None:
        raise MQError("erlc, the Erlang compiler, is not on the PATH", hint="apt-get install erlang-base")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{PLUGIN_NAME}-{__version__}"
    with (
        as_file(files("diracmq_cli.admin") / PLUGIN_NAME) as sources,
        tempfile.TemporaryDirectory(dir=out, prefix=".build-") as scratch,
    ):
        ebin = Path(scratch, "plugin", "ebin")
        ebin.mkdir(parents=True)
        modules = sorted(sources.glob("*.erl"))
        _compile(erlc, modules, library=library, ebin=ebin)
        _write_app(sources / f"{PLUGIN_NAME}.app.src", ebin, [module.stem for module in modules])
        if target.exists():
            shutil.rmtree(target)
        ebin.parent.rename(target)
    return target


def _version_of(home: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", home.name))


def _behaviour_library(home: Path) -> Path:
    """The ebin directory of rabbit_common, which holds the behaviour that the mechanism is checked against."""
    found = sorted((home / "plugins").glob("rabbit_common-*/ebin"))
    if not found:
        raise UsageError(f"{home} is no RabbitMQ: it has no plugins/rabbit_common-*/ebin")
    return found[-1]


def _compile(erlc: str, modules: list[Path], *, library: Path, ebin: Path) -> None:
    # +deterministic leaves paths and options out of the beams; a list of files costs one start of the compiler.
    command = [erlc, "+deterministic", "-pa", str(library), "-o", str(ebin), *map(str, modules)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_TIMEOUT, check=False)
    if done.returncode != 0:
        raise MQError(f"erlc could not compile {PLUGIN_NAME}: {(done.stdout + done.stderr).strip()}")


def _write_app(template: Path, ebin: Path, modules: list[str]) -> None:
    text = template.read_text(encoding="utf-8")
    text = text.replace("@VERSION@", __version__).replace("@MODULES@", ", ".join(modules))
    (ebin / f"{PLUGIN_NAME}.app").write_text(text, encoding="utf-8")
