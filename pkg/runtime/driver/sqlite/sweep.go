package sqlite

// What has been kept long enough. Dead letters have no keep_until: they stay.

// anythingOld finds out whether a sweep would remove anything.
const anythingOld = `
SELECT 1 WHERE
     EXISTS (SELECT 1 FROM stem_tasks    WHERE keep_until <= ?1)
  OR EXISTS (SELECT 1 FROM stem_groups   WHERE keep_until <= ?1)
  OR EXISTS (SELECT 1 FROM stem_claims   WHERE until      <= ?1)
  OR EXISTS (SELECT 1 FROM stem_orders   WHERE expires    <= ?1)
  OR EXISTS (SELECT 1 FROM stem_messages WHERE expires    <= ?1)`

var sweeps = []string{
	`DELETE FROM stem_claims   WHERE key      IN (SELECT key      FROM stem_claims   WHERE until   <= ?1 LIMIT ?2)`,
	`DELETE FROM stem_orders   WHERE task_id  IN (SELECT task_id  FROM stem_orders   WHERE expires <= ?1 LIMIT ?2)`,
	`DELETE FROM stem_messages WHERE position IN (SELECT position FROM stem_messages WHERE expires <= ?1 LIMIT ?2)`,
	`DELETE FROM stem_limits   WHERE key      IN (SELECT key      FROM stem_limits l WHERE tat <= ?1 AND override IS NULL
	   AND NOT EXISTS (SELECT 1 FROM stem_slots s WHERE s.key = l.key)
	   AND NOT EXISTS (SELECT 1 FROM stem_details d WHERE d.limit_key = l.key AND d.wait_no IS NOT NULL) LIMIT ?2)`,
}

const (
	oldTasks     = `(SELECT seq FROM stem_tasks WHERE keep_until <= ? ORDER BY keep_until, seq LIMIT ?)`
	sweepDetails = `DELETE FROM stem_details WHERE seq IN ` + oldTasks
	sweepTasks   = `DELETE FROM stem_tasks WHERE seq IN ` + oldTasks
)

// sweep removes what has been kept long enough.
func (h *housekeeping) sweep() error {
	if _, err := h.exec(sweepDetails, h.now, h.Max); err != nil {
		return err
	}
	n, err := h.exec(sweepTasks, h.now, h.Max)
	if err != nil {
		return err
	}
	h.out.Swept = int(n)
	h.note(n == int64(h.Max))
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
	return nil
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
