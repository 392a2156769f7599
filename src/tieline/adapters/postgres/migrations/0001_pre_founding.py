"""The founding schema, its partitions and its retention table."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

_HERE = Path(__file__).parent


def upgrade() -> None:
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    for name in ("0001_pre_founding.sql", "partitions.sql"):
        connection.execute((_HERE / name).read_bytes())
