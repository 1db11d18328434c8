"""The schema of `gallery.db`, as the steps that lead to it; a released step never changes."""

from __future__ import annotations

from typing import Final

# `key` is never used twice (AUTOINCREMENT), so that an index row cannot come to mean another person.
# The counters are kept by triggers: counting the rows of a large collection would take 100 ms.
_FIRST: Final = """
CREATE TABLE revision (value INTEGER NOT NULL);
INSERT INTO revision VALUES (0);

CREATE TABLE collections (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT,
    metadata TEXT NOT NULL,
    bundle TEXT,  -- set by the first face
    created_at TEXT NOT NULL,
    person_count INTEGER NOT NULL DEFAULT 0,
    face_count INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE persons (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections (key),
    id TEXT NOT NULL,
    name TEXT,
    external_id TEXT,
    metadata TEXT NOT NULL,
    created_at TEXT NOT NULL,
    face_count INTEGER NOT NULL DEFAULT 0,
    UNIQUE (collection, id)
);
CREATE INDEX persons_in_order ON persons (collection, key);

CREATE TABLE faces (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    person INTEGER NOT NULL REFERENCES persons (key),
    embedding BLOB NOT NULL,  -- little-endian float32, unit length
    norm REAL NOT NULL,
    quality REAL NOT NULL,
    detection_score REAL,
    created_at TEXT NOT NULL
);
CREATE INDEX faces_in_order ON faces (person, key);

CREATE TRIGGER person_added AFTER INSERT ON persons BEGIN
    UPDATE collections SET person_count = person_count + 1 WHERE key = NEW.collection;
END;
CREATE TRIGGER person_removed AFTER DELETE ON persons BEGIN
    UPDATE collections SET person_count = person_count - 1 WHERE key = OLD.collection;
END;
CREATE TRIGGER face_added AFTER INSERT ON faces BEGIN
    UPDATE persons SET face_count = face_count + 1 WHERE key = NEW.person;
    UPDATE collections SET face_count = face_count + 1
        WHERE key = (SELECT collection FROM persons WHERE key = NEW.person);
END;
CREATE TRIGGER face_removed AFTER DELETE ON faces BEGIN
    UPDATE persons SET face_count = face_count - 1 WHERE key = OLD.person;
    UPDATE collections SET face_count = face_count - 1
        WHERE key = (SELECT collection FROM persons WHERE key = OLD.person);
END;
"""

# A bundle that is not calibrated gives no quality. SQLite cannot take NOT NULL off a column.
_NULLABLE_QUALITY: Final = """
ALTER TABLE faces RENAME COLUMN quality TO graded;
ALTER TABLE faces ADD COLUMN quality REAL;
UPDATE faces SET quality = graded;
ALTER TABLE faces DROP COLUMN graded;
"""

# Rows of `secrets` are appended, overwritten in place and never removed: SQLite does not move such
# rows, so that no stale copy of a destroyed key stays in a page. `vault` has the same content twice,
# sealed: one flipped bit must not lock everybody out.
_SEALED: Final = """
CREATE TABLE vault (key INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE chores (name TEXT PRIMARY KEY);  -- what a start has to finish
CREATE TABLE secrets (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    wrapped BLOB NOT NULL  -- zeros once it is destroyed
);
ALTER TABLE collections ADD COLUMN secret INTEGER REFERENCES secrets (key);
ALTER TABLE collections ADD COLUMN sealed BLOB;  -- name, metadata, bundle
ALTER TABLE persons ADD COLUMN secret INTEGER REFERENCES secrets (key);
ALTER TABLE persons ADD COLUMN sealed BLOB;  -- name, external id, metadata
CREATE TABLE sealed_faces (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    person INTEGER NOT NULL REFERENCES persons (key),
    sealed BLOB,  -- embedding, norm, quality, detection score
    created_at TEXT NOT NULL
);
"""
# Run one by one when the rows have been sealed, in the same transaction; see encryption.py. The
# table of faces is copied, not altered: each column dropped would write all embeddings once more.
WITHOUT_PLAIN: Final = (
    "ALTER TABLE collections DROP COLUMN name",
    "ALTER TABLE collections DROP COLUMN metadata",
    "ALTER TABLE persons DROP COLUMN name",
    "ALTER TABLE persons DROP COLUMN external_id",
    "ALTER TABLE persons DROP COLUMN metadata",
    "DELETE FROM sqlite_sequence WHERE name = 'sealed_faces'",
    "UPDATE sqlite_sequence SET name = 'sealed_faces' WHERE name = 'faces'",
    "DROP TABLE faces",
    "ALTER TABLE sealed_faces RENAME TO faces",
    "CREATE INDEX faces_in_order ON faces (person, key)",
    """CREATE TRIGGER face_added AFTER INSERT ON faces BEGIN
        UPDATE persons SET face_count = face_count + 1 WHERE key = NEW.person;
        UPDATE collections SET face_count = face_count + 1
            WHERE key = (SELECT collection FROM persons WHERE key = NEW.person);
    END""",
    """CREATE TRIGGER face_removed AFTER DELETE ON faces BEGIN
        UPDATE persons SET face_count = face_count - 1 WHERE key = OLD.person;
        UPDATE collections SET face_count = face_count - 1
            WHERE key = (SELECT collection FROM persons WHERE key = OLD.person);
    END""",
)

# `changed` is the revision that gave a person other faces: what a start replays on a snapshot.
_SNAPSHOTS: Final = """
ALTER TABLE persons ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX persons_changed ON persons (collection, changed);
CREATE TABLE snapshots (
    collection INTEGER PRIMARY KEY,
    secret INTEGER NOT NULL REFERENCES secrets (key),  -- destroyed by the first deletion
    revision INTEGER NOT NULL
);
"""

# `expires_at` is sealed with the person, too. `external` is what an external id is looked up by, an
# HMAC: nearly each is another, so it tells nothing to whoever has the file without the key.
# `answers` are what requests with an idempotency key were answered, sealed with the key of what they
# created. `erasures` name what was deleted without saying who it was, for backups that still have it;
# `ancestors` are persons who were merged into one, and are erased with them.
_LIFECYCLE: Final = """
ALTER TABLE persons ADD COLUMN expires_at TEXT;
ALTER TABLE persons ADD COLUMN external BLOB;
CREATE INDEX persons_expiring ON persons (collection, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX persons_external ON persons (collection, external) WHERE external IS NOT NULL;
CREATE INDEX persons_created ON persons (collection, created_at);
CREATE TABLE answers (
    key BLOB PRIMARY KEY,  -- HMAC of the idempotency key
    secret INTEGER NOT NULL REFERENCES secrets (key),
    sealed BLOB NOT NULL,  -- digest of what was asked, status, headers and body
    created_at TEXT NOT NULL
);
CREATE INDEX answers_in_order ON answers (created_at);
CREATE TABLE erasures (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    entry BLOB NOT NULL,  -- HMAC of what does not change of its place
    erased_at TEXT NOT NULL
);
CREATE TABLE ancestors (person INTEGER NOT NULL REFERENCES persons (key), entry BLOB NOT NULL);
CREATE INDEX ancestors_of ON ancestors (person);
"""

# The features of a face for another model, and the crop to compute them from, sealed with the person's
# key. Which of `sealed` and `renewed` is searched says the collection's sealed label, and `slot` where
# that is damaged: a switch writes one row, however many faces there are.
_RENEWALS: Final = """
ALTER TABLE faces ADD COLUMN renewed BLOB;
ALTER TABLE collections ADD COLUMN slot TEXT NOT NULL DEFAULT 'sealed';
CREATE TABLE crops (
    face INTEGER PRIMARY KEY REFERENCES faces (key),
    sealed BLOB NOT NULL  -- 112 x 112 pixels, lossless WebP
);
CREATE TRIGGER crop_removed AFTER DELETE ON faces BEGIN
    DELETE FROM crops WHERE face = OLD.key;
END;
"""

MIGRATIONS: Final = (_FIRST, _NULLABLE_QUALITY, _SEALED, _SNAPSHOTS, _LIFECYCLE, _RENEWALS)
SEALED: Final = 3  # the version since which rows are encrypted
BLINDED: Final = 5  # the version since which external ids can be looked up
