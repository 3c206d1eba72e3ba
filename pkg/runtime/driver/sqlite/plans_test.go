package sqlite

import (
	"strings"
	"testing"
)

// The hot statements find their rows through an index and sort nothing: that is
// what makes a claim cost the same in front of a thousand tasks and a million.
func TestQueryPlans(t *testing.T) {
	st := openInside(t, newURL(t))
	plans := map[string]struct {
		query string
		args  int
		uses  string
	}{
		"any ready":         {anyReady, 1, "stem_tasks_ready"},
		"read line":         {readLine, 2, "stem_tasks_ready"},
		"lease line":        {leaseLine, 5, "stem_tasks_ready"},
		"settle lean":       {settleLean, 11, "INTEGER PRIMARY KEY"},
		"held":              {readHeld, 2, "stem_tasks_leased"},
		"promote":           {promote, 2, "stem_tasks_due"},
		"unpark":            {unpark, 4, "stem_tasks_parked"},
		"next parked":       {nextParked, 2, "stem_tasks_parked"},
		"expired":           {expired, 2, "stem_details_expiring"},
		"overdue":           {overdueOwn, 2, "stem_details_own_lease"},
		"clock set back":    {fromTheFuture, 1, "stem_details_leased"},
		"idle slots":        {heldIdly, 2, "stem_details_waiting"},
		"next in wait list": {nextWait, 1, "stem_details_waiting"},
		"first waiting":     {taskColumns + firstWaiting, 1, "stem_details_waiting"},
		"ahead":             {countAhead, 3, "stem_tasks_ready"},
		"oldest ready":      {firstInLine, 1, "stem_tasks_ready"},
		"sweep":             {sweepTasks, 2, "stem_tasks_kept"},
		"sweep audits":      {sweeps[3], 2, "stem_audits_at"},
		"sweep messages":    {sweeps[2], 2, "stem_messages_kept"},
		"sweep limits":      {sweepLimits, 3, "stem_details_waiting"},
		"last end":          {lastEnd, 0, "stem_tasks_ended"},
		"next due":          {agenda[3], 0, "stem_tasks_due"},
		"next expiry":       {agenda[2], 0, "stem_details_expiring"},
		"by id":             {taskColumns + `WHERE t.id = ?`, 1, "stem_tasks_id"},
		"ended, newest":     {`SELECT ` + recordColumns + taskTables + ` WHERE t.end_no < ? ORDER BY t.end_no DESC LIMIT ?`, 2, "stem_tasks_ended"},
		"dead, oldest":      {sqlText(`SELECT ` + recordColumns + taskTables + ` WHERE t.end_no > ? AND t.place = #dead ORDER BY t.end_no LIMIT ?`), 2, "stem_tasks_dead"},
		"messages":          {readMessages, 4, "stem_messages_channel"},
	}
	for name, p := range plans {
		var steps []string
		err := st.write(t.Context(), "explain", func(s *step) error {
			return s.query(`EXPLAIN QUERY PLAN `+p.query, func(r row) error {
				steps = append(steps, r.str(3))
				return nil
			}, make([]any, p.args)...)
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		plan := strings.Join(steps, "\n")
		if !strings.Contains(plan, p.uses) || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN stem_tasks\n") {
			t.Errorf("%s does not use %s:\n%s", name, p.uses, plan)
		}
	}
}
