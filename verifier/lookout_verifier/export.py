"""The verifier in one file, schemas included, for a machine where Lookout is not installed."""

import shutil
import tempfile
import zipapp
from pathlib import Path

from lookout_verifier.schemas import packaged, schema_files

_MAIN = "lookout_verifier.__main__:run"
_SHEBANG = "/usr/bin/env python3"


def export(target: Path) -> None:
    """Write the one file. `OSError` if it cannot be written."""
    with tempfile.TemporaryDirectory(prefix="verifier-") as scratch:
        package = Path(scratch) / "lookout_verifier"
        package.mkdir()
        for module in Path(__file__).parent.glob("*.py"):
            shutil.copyfile(module, package / module.name)
        for name, text in schema_files(packaged()):
            path = package / "_schemas" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        zipapp.create_archive(scratch, target, interpreter=_SHEBANG, main=_MAIN, compressed=True)
