"""Other versions of the product as folders: one of an earlier commit, and one that is this one and a little more.

Their processes run by `PYTHONPATH`, with this interpreter and its packages; only the product's own code differs.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
EARLIER = "9254827"  # the last commit before stores knew `pre` and `post`: schema 0008
_EXPAND = """alter table workers alter column role set default 'worker';
alter table lanes add column note text;
alter table replicas add column note text;
alter table effects add column note text;
"""
_CONTRACT = "alter table workers drop column role;\n"
_MIGRATION = '''"""A version that does not exist yet."""

from pathlib import Path

from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
'''


class NoHistory(Exception):
    """This copy of the source does not hold the earlier commit; the sentence says what would."""


def earlier(folder: Path) -> Path:
    """The source of commit EARLIER. Raises NoHistory when it is not to be had."""
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", EARLIER, "src"], capture_output=True, check=False)
    if packed.returncode:
        raise NoHistory(
            f"The former version is commit {EARLIER}, which this copy of the source does not hold: "
            f"run it in a clone with history (git fetch --unshallow)."
        )
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder / "src"


def following(folder: Path) -> Path:
    """This version and a little more: a column added, one that we write given up, a function that has another name."""
    source = folder / "src"
    shutil.copytree(ROOT / "src", source)
    postgres = source / "tieline" / "adapters" / "postgres"
    head = max(path.name for path in (postgres / "migrations").glob("0*_*.py"))[:4]
    for number, before, name, text in (
        ("9001", head, "9001_pre_wider", _EXPAND), ("9002", "9001", "9002_post_narrower", _CONTRACT),
    ):  # fmt: skip
        (postgres / "migrations" / f"{name}.py").write_text(_MIGRATION.format(number=number, before=before))
        (postgres / "migrations" / f"{name}.sql").write_text(text)
    _exchange(source / "tieline" / "engine" / "leases.py", "(worker_id, role, host,", "(worker_id, host,")
    _exchange(source / "tieline" / "engine" / "leases.py", "values (%s, 'worker', %s,", "values (%s, %s,")
    _exchange(source / "tieline" / "engine" / "budgets" / "share.py", "from open_circuits()", "from circuits_open()")
    _exchange(postgres / "privileges.py", '"open_circuits()"', '"circuits_open()"')
    _exchange(postgres / "migrations" / "claims.sql", "public.open_circuits()", "public.circuits_open()")
    return source


def _exchange(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} does not say {old!r} any more: choose another difference"
    file.write_text(text.replace(old, new))
