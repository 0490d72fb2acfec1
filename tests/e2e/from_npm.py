"""Libraries from npm in the user's cache, installed once a lock; a test is skipped where they cannot be had."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidewatch"
INSTALL_S = 50
NPM = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]


def installed(folder: Path) -> Path:
    """The folder `node_modules` as the lock in `folder` says it. What `folder` has beside it may be named in it."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip(f"node and npm are not on PATH: {folder.name} cannot be asked")
    lock = (folder / "package-lock.json").read_bytes()
    kept = CACHE / f"{folder.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = CACHE / f"{kept.name}.{os.getpid()}"
        shutil.copytree(folder, fresh)
        try:
            got = subprocess.run(NPM, cwd=fresh, capture_output=True, text=True, timeout=INSTALL_S, check=False)
            if got.returncode:
                pytest.skip(f"npm cannot install {folder.name}: {got.stderr.strip()[-300:]}")
            if not kept.exists():
                fresh.rename(kept)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install {folder.name} within {INSTALL_S} s")
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return kept / "node_modules"
