"""The first schema: patients to readings, models, audit.

Types are spelt out here, not taken from `db.columns`: a migration stays as it was when the program moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("act", "reading", "reveal", "event")


def upgrade() -> None:
    create_tables()
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def create_tables() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pseudonym", sa.String(), nullable=False),
        sa.Column("split", sa.String(32), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_patient"),
        sa.UniqueConstraint("pseudonym", name="uq_patient_pseudonym"),
    )
    op.create_table(
        "reader",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reader"),
        sa.UniqueConstraint("name", name="uq_reader_name"),
    )
    op.create_table(
        "training_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.DateTime(), nullable=True),
        sa.Column("champion", sa.String(), nullable=False),
        sa.Column("challenger", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_training_run"),
    )
    op.create_table(
        "act",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=True),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name="fk_act_reader_id_reader"),
        sa.ForeignKeyConstraint(["target_id"], ["act.id"], name="fk_act_target_id_act"),
        sa.PrimaryKeyConstraint("id", name="pk_act"),
    )
    op.create_index("ix_act_reader_id", "act", ["reader_id"])
    op.create_index("ix_act_target_id", "act", ["target_id"])
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("date", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_study_patient_id_patient"),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
        sa.UniqueConstraint("patient_id", "key", name="uq_study_patient_id_key"),
    )
    op.create_table(
        "series",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_series_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("sha256", name="uq_series_sha256"),
        sa.UniqueConstraint("uid", name="uq_series_uid"),
    )
    op.create_index("ix_series_study_id", "series", ["study_id"])
    op.create_table(
        "body",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("series_id", sa.String(length=32), nullable=False),
        sa.Column("present_version", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.Column("gone_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_body_series_id_series"),
        sa.PrimaryKeyConstraint("id", name="pk_body"),
    )
    op.create_index("ix_body_series_id", "body", ["series_id"])
    op.create_table(
        "reveal",
        sa.Column("series_id", sa.String(length=32), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name="fk_reveal_reader_id_reader"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_reveal_series_id_series"),
        sa.PrimaryKeyConstraint("series_id", "reader_id", name="pk_reveal"),
    )
    op.create_table(
        "screening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("series_id", sa.String(length=32), nullable=False),
        sa.Column("localiser", sa.String(), nullable=False),
        sa.Column("grader", sa.String(), nullable=False),
        sa.Column("refusals", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.JSON(), nullable=False),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_screening_series_id_series"),
        sa.PrimaryKeyConstraint("id", name="pk_screening"),
    )
    op.create_index("ix_screening_series_id_grader", "screening", ["series_id", "grader"])
    op.create_table(
        "geometry",
        sa.Column("body_id", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("level_certain", sa.Boolean(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("uncertainty_mm", sa.Double(), nullable=True),
        sa.Column("centre_lps_mm", sa.JSON(), nullable=False),
        sa.Column("points_lps_mm", sa.JSON(), nullable=True),
        sa.Column("axes", sa.JSON(), nullable=True),
        sa.Column("heights_mm", sa.JSON(), nullable=True),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.Column("replaces", sa.Integer(), nullable=True),
        sa.Column("act_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["act_id"], ["act.id"], name="fk_geometry_act_id_act"),
        sa.ForeignKeyConstraint(["body_id"], ["body.id"], name="fk_geometry_body_id_body"),
        sa.PrimaryKeyConstraint("body_id", "version", name="pk_geometry"),
    )
    op.create_index("ix_geometry_act_id", "geometry", ["act_id"])
    op.create_table(
        "prediction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("screening_id", sa.Integer(), nullable=True),
        sa.Column("body_id", sa.String(), nullable=False),
        sa.Column("geometry_version", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("reference", sa.String(32), nullable=True),
        sa.Column("loss_percent", sa.Double(), nullable=True),
        sa.Column("band_percent", sa.Double(), nullable=True),
        sa.Column("shape", sa.String(32), nullable=True),
        sa.Column("measured_grade", sa.Integer(), nullable=True),
        sa.Column("probability_0", sa.Double(), nullable=True),
        sa.Column("probability_1", sa.Double(), nullable=True),
        sa.Column("probability_2", sa.Double(), nullable=True),
        sa.Column("probability_3", sa.Double(), nullable=True),
        sa.Column("conformal_set", sa.JSON(), nullable=True),
        sa.Column("embedding", sa.LargeBinary(), nullable=True),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["body_id", "geometry_version"],
            ["geometry.body_id", "geometry.version"],
            name="fk_prediction_body_id_geometry_version_geometry",
        ),
        sa.ForeignKeyConstraint(
            ["screening_id"], ["screening.id"], name="fk_prediction_screening_id_screening"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
        sa.UniqueConstraint(
            "screening_id", "body_id", "model", name="uq_prediction_screening_id_body_id_model"
        ),
    )
    op.create_index("ix_prediction_body_id_model", "prediction", ["body_id", "model"])
    op.create_index("ix_prediction_screening_id", "prediction", ["screening_id"])
    op.create_table(
        "reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("act_id", sa.Integer(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("body_id", sa.String(), nullable=False),
        sa.Column("geometry_version", sa.Integer(), nullable=False),
        sa.Column("grade", sa.Float(), nullable=True),
        sa.Column("shape", sa.String(32), nullable=True),
        sa.Column("not_assessable", sa.String(32), nullable=True),
        sa.Column("other_deformity", sa.String(32), nullable=True),
        sa.Column("sure", sa.Boolean(), nullable=False),
        sa.Column("flag", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("bulk", sa.Boolean(), nullable=False),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("order_known", sa.Boolean(), nullable=False),
        sa.Column("revealed_at", sa.DateTime(), nullable=True),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["act_id"], ["act.id"], name="fk_reading_act_id_act"),
        sa.ForeignKeyConstraint(
            ["body_id", "geometry_version"],
            ["geometry.body_id", "geometry.version"],
            name="fk_reading_body_id_geometry_version_geometry",
        ),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name="fk_reading_reader_id_reader"),
        sa.ForeignKeyConstraint(["supersedes"], ["reading.id"], name="fk_reading_supersedes_reading"),
        sa.PrimaryKeyConstraint("id", name="pk_reading"),
        sa.UniqueConstraint("supersedes", name="uq_reading_supersedes"),
    )
    op.create_index("ix_reading_act_id", "reading", ["act_id"])
    op.create_index("ix_reading_body_id_reader_id", "reading", ["body_id", "reader_id"])
    op.create_index("ix_reading_reader_id_time", "reading", ["reader_id", "time"])
