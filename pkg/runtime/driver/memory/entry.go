package memory

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// entry is what the store knows under one id: a task, or what remains of one
// that is done. Of those a store holds a day, so their records are packed: as
// bytes they cost the garbage collector nothing.
type entry struct {
	id   string
	task *task // unfinished or a dead letter; nil when it is done

	// The last settlement, to know it again when it is repeated.
	settledFence uint64
	settledAs    runtime.Outcome

	// When it is done.
	record    []byte
	keepUntil time.Time
	timer     int          // in store.keeps
	onEnded   spot[*entry] // also of a dead letter
}

// task returns the task of an id that is unfinished or a dead letter, or nil.
func (s *store) task(id string) *task {
	if e := s.known[id]; e != nil {
		return e.task
	}
	return nil
}

// stored returns the record of an id, to be read only, or nil.
func (s *store) stored(id string) *runtime.TaskRecord {
	if e := s.known[id]; e != nil {
		return e.stored()
	}
	return nil
}

func (e *entry) stored() *runtime.TaskRecord {
	if e.task != nil {
		return &e.task.TaskRecord
	}
	return unpackRecord(e.record)
}

// shelve puts e behind everything that has ended before.
func (s *store) shelve(e *entry) {
	s.seq++
	e.onEnded = s.ended.put(s.seq, e)
}

// archive keeps the record of a task that is done in place of the task.
func (s *store) archive(e *entry, keepUntil time.Time) {
	e.record, e.task = packRecord(&e.task.TaskRecord), nil
	e.keepUntil = keepUntil
	s.keeps.push(e)
	s.shelve(e)
}

// forget removes a record that has been kept long enough.
func (s *store) forget(e *entry) {
	s.keeps.remove(e)
	s.ended.remove(e.onEnded)
	delete(s.known, e.id)
}
