"""Build the RabbitMQ plugin ``rabbitmq_grid_proxy`` from the Erlang sources in this package, with ``erlc`` alone."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from diracmq_cli.admin.installation import find_program, find_rabbitmq
from diracmq_cli.errors import ConfigError
from diracmq_cli.version import __version__

PLUGIN_NAME = "rabbitmq_grid_proxy"

_COMPILE_TIMEOUT = 120.0


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
        ConfigError: RabbitMQ or ``erlc`` is missing, or the sources do not compile with this Erlang.
    """
    installation = find_rabbitmq(rabbitmq_home)
    erlc = find_program("erlc", "erlang-base")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{PLUGIN_NAME}-{__version__}"
    with (
        as_file(files("diracmq_cli.admin") / PLUGIN_NAME) as sources,
        tempfile.TemporaryDirectory(dir=out, prefix=".build-") as scratch,
    ):
        ebin = Path(scratch, target.name, "ebin")
        ebin.mkdir(parents=True)
        modules = sorted(sources.glob("*.erl"))
        _compile(erlc, modules, libraries=installation.plugins, ebin=ebin)
        _write_app(sources / f"{PLUGIN_NAME}.app.src", ebin, [module.stem for module in modules])
        if target.exists():
            shutil.rmtree(target)
        ebin.parent.rename(target)
    return target


def _compile(erlc: Path, modules: list[Path], *, libraries: Path, ebin: Path) -> None:
    # +deterministic leaves paths and options out of the beams. The mechanism is checked against RabbitMQ's behaviour.
    behaviours = [
        argument for path in sorted(libraries.glob("rabbit_common-*/ebin")) for argument in ("-pa", str(path))
    ]
    command = [str(erlc), "+deterministic", *behaviours, "-o", str(ebin), *map(str, modules)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"erlc did not compile {PLUGIN_NAME} in {_COMPILE_TIMEOUT:.0f} s") from None
    if done.returncode != 0:
        raise ConfigError(f"erlc cannot compile {PLUGIN_NAME}: {(done.stdout + done.stderr).strip()}")


def _write_app(template: Path, ebin: Path, modules: list[str]) -> None:
    text = template.read_text(encoding="utf-8")
    text = text.replace("@VERSION@", __version__).replace("@MODULES@", ", ".join(modules))
    (ebin / f"{PLUGIN_NAME}.app").write_text(text, encoding="utf-8")
