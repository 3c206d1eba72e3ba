package sqlite

import "github.com/stem-jobs/stem/pkg/runtime"

// recordColumns are what scanRecord reads of taskTables.
var recordColumns = sqlText(`t.id, t.name, t.queue, t.state, t.place, t.priority, t.attempt, t.deliveries, d.losses,
  CASE WHEN t.place = #leased THEN c.worker ELSE t.worker END, d.reason, d.error, d.group_id, d.unique_key, d.limit_key,
  t.enqueued, t.due, t.started, CASE WHEN t.place >= #dead THEN t.updated END, t.updated, d.expires, t.keep_until, d.percent, d.data`)

// recordWidth is the number of recordColumns.
const recordWidth = 24

func scanRecord(r row) runtime.TaskRecord {
	return runtime.TaskRecord{
		ID: r.str(0), Name: r.str(1), Queue: r.str(2), State: stateName(r.int(3)), Place: placeName(r.int(4)),
		Priority: int(r.int(5)), Attempt: int(r.int(6)), Deliveries: int(r.int(7)), Losses: int(r.int(8)),
		Worker: r.str(9), Reason: r.str(10), Error: r.str(11), Group: r.str(12), UniqueKey: r.str(13), LimitKey: r.str(14),
		EnqueuedAt: r.time(15), DueAt: r.time(16), StartedAt: r.time(17), FinishedAt: r.time(18), UpdatedAt: r.time(19),
		ExpiresAt: r.time(20), KeepUntil: r.time(21), Percent: r.float(22), Data: r.bytes(23),
	}
}
