"""A package hub of the tests' own: it serves folders as dbt's hub serves packages."""

from __future__ import annotations

import json
import tarfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


@contextmanager
def package_hub(site: Path, packages: Mapping[str, Path], asks: Mapping[str, list[dict[str, str]]]) -> Iterator[str]:
    """A hub, for as long as the block runs; gives the address for DBT_PACKAGE_HUB_URL.

    Args:
        site: a folder for what it serves.
        packages: `namespace/name/version` -> the package's folder.
        asks: the same -> the packages that it asks for, as in packages.yml.
    """
    site.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    url = f"http://127.0.0.1:{server.server_port}/"
    answers: dict[str, object] = {"index.json": [key.rpartition("/")[0] for key in packages]}
    for key, folder in packages.items():
        package, _, number = key.rpartition("/")
        namespace, name = package.split("/")
        version: dict[str, object] = {"id": key, "name": name, "version": number, "packages": asks.get(key, [])}
        version |= {"require_dbt_version": [">=1.7.0", "<2.0.0"], "works_with": [], "_source": {}}
        version["downloads"] = {"tarball": f"{url}{name}.tar.gz", "format": "tgz", "sha1": ""}
        answers[f"{package}/{number}.json"] = version
        answers[f"{package}.json"] = {
            "name": name,
            "namespace": namespace,
            "latest": number,
            "versions": {number: version},
        }
        with tarfile.open(site / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(folder, f"{name}-{number}")
    for path, content in answers.items():
        file = site / "api" / "v1" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
