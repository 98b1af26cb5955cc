"""Where the dbt packages come from, with a hub, without one, and with one that fails."""

from __future__ import annotations

import contextlib
import io
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from driver import bootstrap, packages
from driver.errors import Problem
from support.hub import package_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "dbt_expectations"
BOTH = {NAME, "dbt_date"}
OFFLINE = packages.OFFLINE
LOCKED = packages.LOCKED
UNREACHABLE = "http://127.0.0.1:9/"


class Project:
    """A project of its own, whose packages are installed in this process."""

    def __init__(self, root: Path) -> None:
        """Copy what an installation reads."""
        self.root = root
        self.told: list[str] = []
        shutil.copytree(OFFLINE, root / "offline_packages")
        (root / "packages.yml").write_text("packages:\n  - package: metaplane/dbt_expectations\n    version: 0.10.9\n")
        (root / "dbt_project.yml").write_text("name: project\nversion: 1.0.0\nprofile: none\n")
        shutil.copy(LOCKED, root)

    def install(self, folder: Path | None = None, *, refresh: bool = False) -> str:
        """Install, and remember what was told."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                return packages.install(folder, refresh=refresh)
        finally:
            self.told = said.getvalue().splitlines()

    @property
    def installed(self) -> set[str]:
        """The projects in dbt_packages/."""
        return set(packages.projects_in(packages.INSTALLED))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project without packages, on a machine without a hub."""
    root = tmp_path / "project"
    for module in (packages, bootstrap):
        monkeypatch.setattr(module, "ROOT", root)
        monkeypatch.setattr(module, "CACHE", root / ".cache")
    monkeypatch.setattr(packages, "INSTALLED", root / "dbt_packages")
    monkeypatch.setattr(packages, "OFFLINE", root / "offline_packages")
    monkeypatch.setattr(packages, "LOCKED", root / "package-lock.yml")
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", UNREACHABLE)
    return Project(root)


def package(folder: Path, name: str, requires: str = "") -> Path:
    """Write a dbt package as a checkout has it."""
    folder.mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(f"name: {name}\nversion: 1.0.0\nconfig-version: 2\n")
    (folder / ".git").mkdir()
    if requires:
        (folder / "packages.yml").write_text(f"packages:\n  - package: {requires}\n    version: 1.0.0\n")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package hub with the two packages, and the folder that it serves."""
    site = tmp_path / "site"
    packages = {f"metaplane/{NAME}/0.10.9": OFFLINE / NAME, "godatadriven/dbt_date/0.21.0": OFFLINE / "dbt_date"}
    asks = {f"metaplane/{NAME}/0.10.9": [{"package": "godatadriven/dbt_date", "version": "0.21.0"}]}
    with package_hub(site, packages, asks) as url:
        monkeypatch.setenv("DBT_PACKAGE_HUB_URL", url)
        yield site


def test_without_a_hub(project: Project) -> None:
    assert project.install() == packages.OFFLINE_SOURCE
    assert len(project.told) == 1
    assert "cannot be reached" in project.told[0]
    assert project.installed == BOTH
    assert project.install() == packages.OFFLINE_SOURCE
    assert project.told == []


def test_what_is_out_of_date_is_installed_anew(project: Project, tmp_path: Path) -> None:
    project.install()
    (project.root / "offline_packages" / NAME / "macros" / "new.sql").write_text("")
    project.install()
    assert (packages.INSTALLED / NAME / "macros" / "new.sql").exists()
    assert len(project.told) == 1

    package(tmp_path / "checkouts" / "one", NAME)
    project.install(tmp_path / "checkouts")
    assert project.install() == str(tmp_path / "checkouts")
    (project.root / "package-lock.yml").write_text("packages: []\n")
    assert project.install() == packages.OFFLINE_SOURCE


def test_leftovers_of_an_interruption_do_no_harm(project: Project) -> None:
    package(bootstrap.CACHE / "packages-new" / "half", "half")
    project.install()
    assert project.installed == BOTH


def test_packages_that_somebody_installed_with_dbt_are_kept(project: Project) -> None:
    package(packages.INSTALLED / NAME, NAME)
    package(packages.INSTALLED / "dbt_date", "dbt_date")
    assert project.install() == packages.OWN
    shutil.rmtree(packages.INSTALLED / "dbt_date")
    assert project.install() == packages.OFFLINE_SOURCE


def test_missing_offline_package(project: Project) -> None:
    shutil.rmtree(project.root / "offline_packages" / NAME)
    with pytest.raises(Problem, match=f"The dbt package {NAME} is missing .*: restore that folder"):
        project.install()


def test_from_a_folder(project: Project, tmp_path: Path) -> None:
    checkouts = tmp_path / "checkouts"
    package(checkouts / "one", NAME, requires="godatadriven/dbt_date")
    with pytest.raises(Problem, match="The dbt package dbt_date is missing"):
        project.install(checkouts)
    assert not packages.INSTALLED.exists()

    package(checkouts / "two", "dbt_date")
    package(checkouts / "unrelated", "something_else")
    assert project.install(checkouts) == str(checkouts)
    assert project.installed == {NAME, "dbt_date"}
    assert not (packages.INSTALLED / NAME / ".git").exists()

    # They stay, also where the hub would be tried again.
    assert project.install(refresh=True) == str(checkouts)
    assert project.told == []

    with pytest.raises(Problem, match="There is no such folder"):
        project.install(tmp_path / "nowhere")
    (checkouts / "two" / "dbt_project.yml").write_text("[")
    with pytest.raises(Problem, match="cannot be read"):
        project.install(checkouts)


@pytest.mark.thorough
def test_from_the_hub(project: Project, hub: Path) -> None:
    assert hub.is_dir()
    assert project.install() == packages.HUB
    assert project.told == ["dbt packages: installed from the package hub."]
    assert project.installed == BOTH
    assert f"name: {NAME}\nversion: 0.10.9" in (packages.INSTALLED / NAME / "dbt_project.yml").read_text()
    assert project.install(refresh=True) == packages.HUB
    assert project.told == []


@pytest.mark.thorough
def test_hub_is_tried_again_when_asked(project: Project, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.is_dir()
    with monkeypatch.context() as without_hub:
        without_hub.setenv("DBT_PACKAGE_HUB_URL", UNREACHABLE)
        project.install()
        assert project.install(refresh=True) == packages.OFFLINE_SOURCE
        assert len(project.told) == 1
    assert project.install() == packages.OFFLINE_SOURCE
    assert project.install(refresh=True) == packages.HUB


@pytest.mark.thorough
def test_hub_whose_downloads_fail(project: Project, hub: Path) -> None:
    (hub / f"{NAME}.tar.gz").write_bytes(b"no archive")
    assert project.install() == packages.OFFLINE_SOURCE
    assert "could not be downloaded" in project.told[0]
    assert project.installed == BOTH


def test_lock_file_is_of_the_packages_that_are_asked_for() -> None:
    from dbt.config.project import package_config_from_data
    from dbt.task.deps import _create_sha1_hash

    specified = yaml.safe_load((bootstrap.ROOT / "packages.yml").read_text())
    locked = yaml.safe_load((bootstrap.ROOT / "package-lock.yml").read_text())
    assert locked["sha1_hash"] == _create_sha1_hash(package_config_from_data(specified, specified).packages)
