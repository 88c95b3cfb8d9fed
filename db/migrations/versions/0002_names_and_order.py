"""Who saw the order by suspicion, bodies that a reader says are none, the table that a loss was measured against.

Whoever read a series in screen mode before this had seen the order: their readings say so.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE geometry ADD COLUMN removed BOOLEAN DEFAULT 0 NOT NULL")
    op.execute("ALTER TABLE prediction ADD COLUMN reference_table VARCHAR")
    op.execute("ALTER TABLE prediction ADD COLUMN normal_percent DOUBLE")
    op.create_table(
        "order_shown",
        sa.Column("series_id", sa.String(length=32), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name="fk_order_shown_reader_id_reader"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_order_shown_series_id_series"),
        sa.PrimaryKeyConstraint("series_id", "reader_id", name="pk_order_shown"),
    )
    op.execute(
        "INSERT INTO order_shown (series_id, reader_id, time) "
        "SELECT body.series_id, reading.reader_id, min(reading.time) "
        "FROM reading JOIN body ON body.id = reading.body_id WHERE reading.order_known "
        "GROUP BY body.series_id, reading.reader_id"
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER order_shown_no_{verb.lower()} BEFORE {verb} ON order_shown "
            f"BEGIN SELECT RAISE(ABORT, 'order_shown is append-only'); END"
        )
