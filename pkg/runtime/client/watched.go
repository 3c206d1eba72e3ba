package client

import "github.com/stem-jobs/stem/pkg/runtime"

// watched is what is known of the tasks that somebody waits for.
type watched struct {
	ids  []string
	last map[string]runtime.TaskRecord
	open map[string]bool // not ended
	gone string          // a task that was known and is no more
}

func newWatched(ids []string) *watched {
	w := &watched{ids: ids, last: make(map[string]runtime.TaskRecord, len(ids)), open: make(map[string]bool, len(ids))}
	for _, id := range ids {
		w.last[id] = runtime.TaskRecord{ID: id}
		w.open[id] = true
	}
	return w
}

// see takes in a record.
func (w *watched) see(t runtime.TaskRecord) {
	switch {
	case !w.open[t.ID]:
		return
	case t.State == "" && w.last[t.ID].State != "":
		w.gone = t.ID
		return
	case t.State.Terminal():
		delete(w.open, t.ID)
	}
	w.last[t.ID] = t
}

// lost is the error of a task whose end nobody can tell any more.
func (w *watched) lost() error {
	if w.gone == "" {
		return nil
	}
	return &runtime.Error{
		Code:    runtime.CodeNotFound,
		Message: "the record of task " + w.gone + " went before its end was seen",
		Hint:    "let its result be kept for longer",
	}
}

// records returns what is known, in the order of the ids.
func (w *watched) records() []runtime.TaskRecord {
	recs := make([]runtime.TaskRecord, len(w.ids))
	for i, id := range w.ids {
		recs[i] = w.last[id]
	}
	return recs
}
