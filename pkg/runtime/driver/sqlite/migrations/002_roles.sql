-- The roles beside the broker.

CREATE TABLE stem_heartbeats (
  worker      TEXT PRIMARY KEY,
  incarnation TEXT    NOT NULL,
  until       INTEGER NOT NULL,
  body        TEXT    NOT NULL
) WITHOUT ROWID;

CREATE TABLE stem_messages (
  position   INTEGER PRIMARY KEY AUTOINCREMENT,
  channel    TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  reply_to   TEXT,
  body       BLOB,
  sent       INTEGER NOT NULL,
  expires    INTEGER,
  keep_until INTEGER NOT NULL, -- expires, or some days after it came
  UNIQUE (channel, id)
);
CREATE INDEX stem_messages_channel ON stem_messages (channel, position);
CREATE INDEX stem_messages_kept ON stem_messages (keep_until);

CREATE TABLE stem_cursors (
  name     TEXT    NOT NULL,
  channel  TEXT    NOT NULL,
  position INTEGER NOT NULL,
  used     INTEGER NOT NULL, -- when it was subscribed to or committed last
  PRIMARY KEY (name, channel)
) WITHOUT ROWID;

-- The fence is the row number: it grows with each new holder of any lock.
CREATE TABLE stem_locks (
  fence INTEGER PRIMARY KEY AUTOINCREMENT,
  key   TEXT    NOT NULL UNIQUE,
  owner TEXT    NOT NULL,
  until INTEGER NOT NULL
);

CREATE TABLE stem_directives (
  version INTEGER PRIMARY KEY AUTOINCREMENT,
  kind    TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  by      TEXT    NOT NULL,
  reason  TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  expires INTEGER,
  lifted  INTEGER NOT NULL,
  UNIQUE (kind, subject)
);

CREATE TABLE stem_audits (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  action  TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  queue   TEXT    NOT NULL,
  by      TEXT    NOT NULL,
  reason  TEXT    NOT NULL
);
CREATE INDEX stem_audits_subject ON stem_audits (subject, seq);
CREATE INDEX stem_audits_at ON stem_audits (at);
