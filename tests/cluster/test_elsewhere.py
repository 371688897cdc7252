"""Clusters that Dask's own commands start, with certificates, and rows that lie on a web server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import environment
from tests.cluster.conftest import dask
from tests.data.test_remote import web

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.conftest import Run

MODEL = ("minimize", "y ~ a*exp(-b*x) + c", "a=1", "b=1", "c=0", "--json")
OPENSSL = shutil.which("openssl")


def certificates(folder: Path, name: str) -> dict[str, str]:
    """Make a certificate that is its own authority, and return the files by Dask's names."""
    assert OPENSSL is not None
    files = {what: str(folder / f"{name}.{what}.pem") for what in ("cert", "key")}
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    about = ("-subj", f"/CN={name}", "-days", "1")
    subprocess.run(
        [OPENSSL, "req", "-x509", *kind, *about, "-keyout", files["key"], "-out", files["cert"]],
        check=True,
        capture_output=True,
    )
    return {"ca-file": files["cert"], **files}


@pytest.mark.slow
@pytest.mark.skipif(OPENSSL is None, reason="certificates are made by openssl")
def test_a_cluster_behind_tls(folder: Path, tmp_path: Path) -> None:
    def fitted(cluster: str, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "gradcli", *MODEL, "--data", "parquet", *cluster.split()]
        own = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": files.get("ca-file", "")} | {
            f"DASK_DISTRIBUTED__COMM__TLS__CLIENT__{what.upper()}": files.get(what, "")
            for what in ("cert", "key")
        }
        env = environment(folder, own if files else {})
        return subprocess.run(
            words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60
        )

    own, strange = (certificates(tmp_path, name) for name in ("own", "strange"))
    tls = [word for what, file in own.items() for word in (f"--tls-{what}", file)]
    with dask(*tls, workers=2) as (address, _):
        alone = fitted("--workers 0", {})
        shared = fitted(f"--cluster {address}", own)
        others = [fitted(f"--cluster {address}", files) for files in (strange, {})]

    assert (shared.returncode, shared.stdout) == (alone.returncode, alone.stdout), shared.stderr
    assert alone.returncode == 0
    for ran in others:
        assert (ran.returncode, ran.stdout) == (1, ""), ran.stderr
        assert f"the scheduler at {address} cannot be reached" in ran.stderr
        assert "Traceback" not in ran.stderr


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("gives_parts", [True, False])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_on_a_web_server(run: Run, folder: Path, kind: str, *, gives_parts: bool) -> None:
    files = sorted((folder / kind).iterdir())
    local = run(*MODEL, "--data", kind, "--workers", "2")
    with web({file.name: file.read_bytes() for file in files}, gives_parts=gives_parts) as server:
        ran = run(*MODEL, "--data", f"{server.address}/", "--workers", "2")

    assert (ran.code, ran.out) == (local.code, local.out) == (0, local.out), ran.err
    asked = [name for name, _ in server.asked]
    assert {f"GET {file.name}" for file in files} <= set(asked)
