"""The first tables, and the triggers that keep the log append-only."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

# A withdrawal blanks a payload; nothing else of an event may ever change.
TOMBSTONE = '{"withdrawn": true}'
REFUSAL = "the log is append-only"

STATES = (
    *("consent", "eligibility", "questionnaire", "volume", "headphones", "training", "rating", "debrief"),
    *("finished", "screened_out", "timed_out", "withdrawn"),
)

SQLITE_TRIGGERS = (
    f"""
    CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event
    WHEN NEW.payload <> '{TOMBSTONE}' OR NEW.id <> OLD.id OR NEW.uid <> OLD.uid OR NEW.at <> OLD.at
      OR NEW.kind <> OLD.kind OR NEW.actor <> OLD.actor OR NEW.touched <> OLD.touched
      OR NEW.study_id IS NOT OLD.study_id OR NEW.session_id IS NOT OLD.session_id
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END
    """,
    f"CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
)
POSTGRESQL_TRIGGERS = (
    f"""
    CREATE FUNCTION refuse_change_of_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' THEN
        IF NEW.payload::text = '{TOMBSTONE}'
           AND (NEW.id, NEW.uid, NEW.at, NEW.kind, NEW.actor, NEW.touched::text)
             = (OLD.id, OLD.uid, OLD.at, OLD.kind, OLD.actor, OLD.touched::text)
           AND NEW.study_id IS NOT DISTINCT FROM OLD.study_id
           AND NEW.session_id IS NOT DISTINCT FROM OLD.session_id THEN
          RETURN NEW;
        END IF;
      END IF;
      RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    "CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON event "
    "FOR EACH ROW EXECUTE FUNCTION refuse_change_of_event()",
    "CREATE TRIGGER event_stays BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_event()",
)


def upgrade() -> None:
    """Create everything."""
    _designs()
    _sessions()
    _log_and_users()
    triggers = SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_TRIGGERS
    for statement in triggers:
        op.execute(sa.text(statement.replace(":", "\\:")))


def _designs() -> None:
    op.create_table(
        "study",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("definition_hash", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('draft', 'built', 'open', 'paused', 'closed')", name=op.f("ck_study_status")),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
        sa.UniqueConstraint("name", name="uq_study_name"),
    )
    op.create_table(
        "system",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.CheckConstraint("role IN ('system', 'ground_truth', 'low_anchor')", name=op.f("ck_system_role")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_system_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_system"),
        sa.UniqueConstraint("study_id", "name", name="uq_system_study_id_name"),
    )
    op.create_table(
        "prompt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_prompt_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_prompt"),
        sa.UniqueConstraint("study_id", "name", name="uq_prompt_study_id_name"),
    )
    op.create_table(
        "stimulus",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("system_id", sa.String(), nullable=True),
        sa.Column("prompt_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("loudness_lufs", sa.Double(), nullable=True),
        sa.Column("true_peak_dbtp", sa.Double(), nullable=True),
        sa.Column("expected", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('main', 'training', 'trap', 'gold', 'headphone', 'volume')", name=op.f("ck_stimulus_kind")
        ),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompt.id"], name="fk_stimulus_prompt_id_prompt"),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_stimulus_study_id_study"),
        sa.ForeignKeyConstraint(["system_id"], ["system.id"], name="fk_stimulus_system_id_system"),
        sa.PrimaryKeyConstraint("id", name="pk_stimulus"),
    )
    op.create_index(
        "uq_stimulus_main",
        "stimulus",
        ["study_id", "system_id", "prompt_id", "kind"],
        unique=True,
        sqlite_where=sa.text("kind = 'main'"),
        postgresql_where=sa.text("kind = 'main'"),
    )


def _sessions() -> None:
    op.create_table(
        "participant",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("source IN ('prolific', 'mturk', 'link')", name=op.f("ck_participant_source")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_participant_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_participant"),
        sa.UniqueConstraint("study_id", "source", "external_id", name="uq_participant_study_id_source_external_id"),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("participant_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("section_index", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("screening", sa.JSON(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("device", sa.JSON(), nullable=False),
        sa.Column("completion_code", sa.String(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("resume_code", sa.String(), nullable=False),
        sa.CheckConstraint(
            f"state IN ({', '.join(repr(state) for state in STATES)})",
            name=op.f("ck_session_state"),
        ),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name="fk_session_participant_id_participant"),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_session_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("resume_code", name="uq_session_resume_code"),
    )
    op.create_index("ix_session_participant_id", "session", ["participant_id"], unique=False)
    op.create_index("ix_session_study_id_state", "session", ["study_id", "state"], unique=False)
    op.create_table(
        "trial",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("stimulus_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reservation_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listened", sa.JSON(), nullable=False),
        sa.Column("plays", sa.Integer(), nullable=False),
        sa.Column("hidden_seconds", sa.Double(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('main', 'training', 'trap', 'gold')", name=op.f("ck_trial_kind")),
        sa.CheckConstraint("state IN ('reserved', 'done', 'released')", name=op.f("ck_trial_state")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_trial_session_id_session"),
        sa.ForeignKeyConstraint(["stimulus_id"], ["stimulus.id"], name="fk_trial_stimulus_id_stimulus"),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_trial_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_trial"),
        sa.UniqueConstraint("session_id", "position", name="uq_trial_session_id_position"),
        sa.UniqueConstraint("session_id", "stimulus_id", name="uq_trial_session_id_stimulus_id"),
    )
    op.create_index("ix_trial_stimulus_id_state", "trial", ["stimulus_id", "state"], unique=False)
    op.create_index("ix_trial_study_id_state", "trial", ["study_id", "state"], unique=False)
    op.create_table(
        "rating",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("trial_id", sa.String(), nullable=False),
        sa.Column("scale", sa.String(), nullable=False),
        sa.Column("scale_hash", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("casual", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_rating_session_id_session"),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name="fk_rating_trial_id_trial"),
        sa.PrimaryKeyConstraint("id", name="pk_rating"),
        sa.UniqueConstraint("session_id", "trial_id", "scale", name="uq_rating_session_id_trial_id_scale"),
    )
    op.create_index("ix_rating_trial_id", "rating", ["trial_id"], unique=False)


def _log_and_users() -> None:
    op.create_table(
        "casual_rating",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("bundle_name", sa.String(), nullable=False),
        sa.Column("bundle_fingerprint", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("scale", sa.String(), nullable=False),
        sa.Column("scale_hash", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("visitor_hash", sa.String(), nullable=True),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_casual_rating"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("study_id", sa.String(), nullable=True),
        sa.Column("session_id", sa.String(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("touched", sa.JSON(), nullable=False),
        sa.CheckConstraint("actor IN ('rater', 'admin', 'server')", name=op.f("ck_event_actor")),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.UniqueConstraint("uid", name="uq_event_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_session_id", "event", ["session_id"], unique=False)
    op.create_index("ix_event_study_id_kind", "event", ["study_id", "kind"], unique=False)
    op.create_table(
        "admin_user",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("passphrase_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'reader')", name=op.f("ck_admin_user_role")),
        sa.PrimaryKeyConstraint("name", name="pk_admin_user"),
    )
