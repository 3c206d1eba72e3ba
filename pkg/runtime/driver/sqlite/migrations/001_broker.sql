-- A word with # is the number of a place or a state; see place.go.
-- Times are microseconds since 1970, durations microseconds, NULL is never.

CREATE TABLE stem_meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- One row a task, for its whole life, with what every task has. seq is the
-- order in which tasks became known, and is never given out twice. The columns
-- are few because each costs every statement that touches the row.
CREATE TABLE stem_tasks (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  queue      TEXT    NOT NULL,
  priority   INTEGER NOT NULL,
  place      INTEGER NOT NULL,
  state      INTEGER NOT NULL,
  flags      INTEGER NOT NULL DEFAULT 0, -- what its end has to look after; 0 is a plain task
  attempt    INTEGER NOT NULL,
  deliveries INTEGER NOT NULL DEFAULT 0, -- with seq the fence; see fence.go
  settled    INTEGER NOT NULL DEFAULT 0, -- the delivery that was settled last and how, to know it again
  consumer   INTEGER,                    -- who holds it
  enqueued   INTEGER NOT NULL,
  due        INTEGER,
  started    INTEGER,
  updated    INTEGER NOT NULL,           -- when it ended, once it has
  end_no     INTEGER,                    -- order in which tasks ended
  keep_until INTEGER,
  worker     TEXT,                       -- who ended it
  body       BLOB,                       -- the worker's record of the last attempt
  envelope   BLOB                        -- NULL when it is done
);

CREATE UNIQUE INDEX stem_tasks_id ON stem_tasks (id);
CREATE INDEX stem_tasks_ready  ON stem_tasks (queue, priority DESC, seq) WHERE place = #ready;
CREATE INDEX stem_tasks_due    ON stem_tasks (due)         WHERE place = #delayed;
CREATE INDEX stem_tasks_parked ON stem_tasks (queue, name) WHERE place = #parked;
CREATE INDEX stem_tasks_leased ON stem_tasks (consumer)    WHERE place = #leased;
CREATE INDEX stem_tasks_dead   ON stem_tasks (place, end_no) WHERE place = #dead;
CREATE INDEX stem_tasks_ended  ON stem_tasks (end_no)      WHERE end_no IS NOT NULL;
CREATE INDEX stem_tasks_kept   ON stem_tasks (keep_until)  WHERE keep_until IS NOT NULL;

-- What only some tasks have; they have a flag for it.
CREATE TABLE stem_details (
  seq         INTEGER PRIMARY KEY,
  losses      INTEGER NOT NULL DEFAULT 0,
  visibility  INTEGER,
  lease_until INTEGER, -- while it is leased and its lease does not end with its consumer's
  leased      INTEGER, -- when it was given that long
  expires     INTEGER,
  expiry      INTEGER, -- expires, until it was handed out in time
  wait_no     INTEGER, -- while it waits: order in the wait list of limit_key
  limit_key   TEXT,
  uses        TEXT,    -- limits it asked for, JSON
  unique_key  TEXT,
  unique_hold INTEGER,
  group_id    TEXT,
  reason      TEXT,
  error       TEXT,
  percent     REAL,
  data        BLOB
);

CREATE INDEX stem_details_waiting   ON stem_details (limit_key, wait_no) WHERE wait_no IS NOT NULL;
CREATE INDEX stem_details_expiring  ON stem_details (expiry)             WHERE expiry IS NOT NULL;
CREATE INDEX stem_details_own_lease ON stem_details (lease_until)        WHERE lease_until IS NOT NULL;
CREATE INDEX stem_details_leased    ON stem_details (leased)             WHERE leased IS NOT NULL;

-- What a queue holds now and has seen, kept beside the tasks so that nothing
-- has to be counted.
CREATE TABLE stem_queues (
  queue     TEXT PRIMARY KEY,
  ready     INTEGER NOT NULL,
  delayed   INTEGER NOT NULL,
  waiting   INTEGER NOT NULL,
  parked    INTEGER NOT NULL,
  leased    INTEGER NOT NULL,
  dead      INTEGER NOT NULL,
  enqueued  INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed    INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  retried   INTEGER NOT NULL,
  lost      INTEGER NOT NULL
) WITHOUT ROWID;

-- A start of a worker, and until when it may be silent.
CREATE TABLE stem_consumers (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  worker      TEXT    NOT NULL,
  incarnation TEXT    NOT NULL,
  lease_until INTEGER NOT NULL,
  leased      INTEGER NOT NULL, -- when it was given that long; see reclaim.go
  UNIQUE (worker, incarnation)
);

-- Who owns a unique key; until is set when the owner has ended and the key is
-- held on.
CREATE TABLE stem_claims (
  key   TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  until INTEGER
) WITHOUT ROWID;
CREATE INDEX stem_claims_until ON stem_claims (until) WHERE until IS NOT NULL;

CREATE TABLE stem_groups (
  id         TEXT PRIMARY KEY,
  size       INTEGER NOT NULL,
  succeeded  INTEGER NOT NULL DEFAULT 0,
  failed     INTEGER NOT NULL DEFAULT 0,
  cancelled  INTEGER NOT NULL DEFAULT 0,
  done       TEXT,                          -- published when all succeeded, JSON
  failing    TEXT,                          -- published when not all did
  deadline   INTEGER,
  keep       INTEGER NOT NULL,
  closed     INTEGER,
  keep_until INTEGER
) WITHOUT ROWID;
CREATE INDEX stem_groups_deadline ON stem_groups (deadline)   WHERE closed IS NULL AND deadline IS NOT NULL;
CREATE INDEX stem_groups_kept     ON stem_groups (keep_until) WHERE keep_until IS NOT NULL;

CREATE TABLE stem_members (
  group_id TEXT    NOT NULL,
  task_id  TEXT    NOT NULL,
  position INTEGER NOT NULL,
  ended    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (group_id, task_id)
) WITHOUT ROWID;
CREATE INDEX stem_members_position ON stem_members (group_id, position);

-- Orders to end a task: one in a worker's hands, or one that is not known yet.
CREATE TABLE stem_orders (
  task_id   TEXT PRIMARY KEY,
  reason    TEXT    NOT NULL,
  by        TEXT    NOT NULL,
  terminate INTEGER NOT NULL,
  expires   INTEGER
) WITHOUT ROWID;
CREATE INDEX stem_orders_expires ON stem_orders (expires) WHERE expires IS NOT NULL;

CREATE TABLE stem_limits (
  key        TEXT PRIMARY KEY,
  declared   TEXT    NOT NULL,              -- the numbers of the last task that asked, JSON
  override   TEXT,                          -- an operator's numbers, JSON
  tat        INTEGER NOT NULL DEFAULT 0,    -- theoretical arrival time of the rate
  booked     INTEGER NOT NULL DEFAULT 0     -- when a token was taken last
) WITHOUT ROWID;

CREATE TABLE stem_slots (
  key   TEXT    NOT NULL,
  seq   INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (key, seq)
) WITHOUT ROWID;
CREATE INDEX stem_slots_seq ON stem_slots (seq);
