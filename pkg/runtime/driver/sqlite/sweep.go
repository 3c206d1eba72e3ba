package sqlite

import (
	"strconv"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// What has been kept long enough. Dead letters have no keep_until: they stay.

// days puts the times for which things are kept into a statement.
func days(text string) string {
	ago := func(d time.Duration) string { return "?1 - " + strconv.FormatInt(d.Microseconds(), 10) }
	return strings.NewReplacer(
		"#audits", ago(runtime.KeepAudits), "#cursors", ago(runtime.KeepCursors), "#day", ago(24*time.Hour),
	).Replace(text)
}

// anythingOld finds out whether a sweep would remove anything.
var anythingOld = days(`
SELECT 1 WHERE
     EXISTS (SELECT 1 FROM stem_tasks      WHERE keep_until <= ?1)
  OR EXISTS (SELECT 1 FROM stem_groups     WHERE keep_until <= ?1)
  OR EXISTS (SELECT 1 FROM stem_claims     WHERE until      <= ?1)
  OR EXISTS (SELECT 1 FROM stem_orders     WHERE expires    <= ?1)
  OR EXISTS (SELECT 1 FROM stem_messages   WHERE keep_until <= ?1)
  OR EXISTS (SELECT 1 FROM stem_audits     WHERE at         <= #audits)
  OR EXISTS (SELECT 1 FROM stem_cursors    WHERE used       <= #cursors)
  OR EXISTS (SELECT 1 FROM stem_directives WHERE ` + settledDirective + `)`)

var sweeps = []string{
	`DELETE FROM stem_claims   WHERE key      IN (SELECT key      FROM stem_claims   WHERE until      <= ?1 LIMIT ?2)`,
	`DELETE FROM stem_orders   WHERE task_id  IN (SELECT task_id  FROM stem_orders   WHERE expires    <= ?1 LIMIT ?2)`,
	`DELETE FROM stem_messages WHERE position IN (SELECT position FROM stem_messages WHERE keep_until <= ?1 LIMIT ?2)`,
	days(`DELETE FROM stem_audits  WHERE seq             IN (SELECT seq           FROM stem_audits  WHERE at   <= #audits  LIMIT ?2)`),
	days(`DELETE FROM stem_cursors WHERE (name, channel) IN (SELECT name, channel FROM stem_cursors WHERE used <= #cursors LIMIT ?2)`),
	pruneDirectives,
}

// Directives are few: they need no index.
const settledDirective = `(lifted OR expires <= ?1) AND at <= #day`

var pruneDirectives = days(`
DELETE FROM stem_directives WHERE version IN (
  SELECT version FROM stem_directives WHERE ` + settledDirective + ` ORDER BY version LIMIT ?2)`)

const (
	oldTasks     = `(SELECT seq FROM stem_tasks WHERE keep_until <= ? ORDER BY keep_until, seq LIMIT ?)`
	sweepDetails = `DELETE FROM stem_details WHERE seq IN ` + oldTasks
	sweepTasks   = `DELETE FROM stem_tasks WHERE seq IN ` + oldTasks
)

// sweep removes what has been kept long enough.
func (h *housekeeping) sweep() error {
	if err := h.sweepTasks(); err != nil {
		return err
	}
	if err := h.sweepGroups(); err != nil {
		return err
	}
	for _, statement := range sweeps {
		n, err := h.exec(statement, h.now, h.Max)
		if err != nil {
			return err
		}
		h.note(n == int64(h.Max))
	}
	return h.sweepLimits()
}

func (h *housekeeping) sweepTasks() error {
	old, err := one(h, `SELECT 1 FROM stem_tasks WHERE keep_until <= ? LIMIT 1`, func(row) {}, h.now)
	if err != nil || !old {
		return err
	}
	if err := h.keepEnds(); err != nil {
		return err
	}
	if _, err := h.exec(sweepDetails, h.now, h.Max); err != nil {
		return err
	}
	n, err := h.exec(sweepTasks, h.now, h.Max)
	h.out.Swept = int(n)
	h.note(n == int64(h.Max))
	return err
}

func (h *housekeeping) sweepGroups() error {
	ids, err := h.column(`SELECT id FROM stem_groups WHERE keep_until <= ? LIMIT ?`)
	if err != nil {
		return err
	}
	h.out.Swept += len(ids)
	for _, id := range ids {
		if err := h.forgetGroup(id); err != nil {
			return err
		}
	}
	return nil
}

// round remembers how far the round of the limits has come. The writer's
// goroutine alone uses it.
type round struct{ after string }

const (
	nextLimits  = `SELECT key FROM stem_limits WHERE key > ? ORDER BY key LIMIT ?`
	sweepLimits = `
DELETE FROM stem_limits WHERE key > ?2 AND key <= ?3 AND tat <= ?1 AND override IS NULL
  AND NOT EXISTS (SELECT 1 FROM stem_slots s WHERE s.key = stem_limits.key)
  AND NOT EXISTS (SELECT 1 FROM stem_details d WHERE d.limit_key = stem_limits.key AND d.wait_no IS NOT NULL)`
)

// sweepLimits forgets limits that nobody uses. No index tells which: each call
// looks at some, and the next goes on behind them.
func (h *housekeeping) sweepLimits() error {
	from, to, n := h.limits.after, "", 0
	err := h.query(nextLimits, func(r row) error {
		to = r.str(0)
		n++
		return nil
	}, from, h.Max)
	if err != nil || n == 0 {
		h.limits.after = ""
		return err
	}
	if h.limits.after = to; n < h.Max {
		h.limits.after = ""
	}
	_, err = h.exec(sweepLimits, h.now, from, to)
	return err
}
