package memory

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// archived is what remains of a task that is done: its record, encoded, and
// what it takes to know a repeated settlement and to let go in time. A store
// holds a day of them, and as bytes they cost the garbage collector nothing.
type archived struct {
	id           string
	record       []byte
	settledFence uint64
	settledAs    runtime.Outcome
	keepUntil    time.Time
	timer        int // in store.keeps
	onEnded      spot[string]
}

// archive keeps the record of t, which is done.
func (s *store) archive(t *task) {
	a := &archived{
		id: t.ID, record: packRecord(&t.TaskRecord),
		settledFence: t.settledFence, settledAs: t.settledAs, keepUntil: t.KeepUntil,
	}
	s.done[t.ID] = a
	s.seq++
	a.onEnded = s.ended.put(s.seq, a.id)
	s.keeps.push(a)
}

// forget removes the record of a task that is done.
func (s *store) forget(a *archived) {
	s.keeps.remove(a)
	delete(s.done, a.id)
	s.ended.remove(a.onEnded)
}

// stored returns the record of id as it is, to be read only, or nil.
func (s *store) stored(id string) *runtime.TaskRecord {
	if t := s.tasks[id]; t != nil {
		return &t.TaskRecord
	}
	if a := s.done[id]; a != nil {
		return unpackRecord(a.record)
	}
	return nil
}

// recordFields lists the fields of a record by kind, for packing and unpacking
// alike.
type recordFields struct {
	texts  [11]*string
	blobs  [2]*[]byte
	counts [4]*int
	times  [7]*time.Time
}

func fieldsOf(r *runtime.TaskRecord) recordFields {
	return recordFields{
		texts: [...]*string{
			&r.ID, &r.Name, &r.Queue, (*string)(&r.State), (*string)(&r.Place), &r.Worker,
			&r.Reason, &r.Error, &r.Group, &r.UniqueKey, &r.LimitKey,
		},
		blobs:  [...]*[]byte{&r.Data, &r.Body},
		counts: [...]*int{&r.Priority, &r.Attempt, &r.Deliveries, &r.Losses},
		times: [...]*time.Time{
			&r.EnqueuedAt, &r.DueAt, &r.StartedAt, &r.FinishedAt, &r.UpdatedAt, &r.ExpiresAt, &r.KeepUntil,
		},
	}
}

// packRecord writes texts and blobs with their lengths in front.
func packRecord(r *runtime.TaskRecord) []byte {
	f := fieldsOf(r)
	b := make([]byte, 0, 192+len(r.Body)+len(r.Data)+len(r.Error))
	for _, p := range f.texts {
		b = append(binary.AppendUvarint(b, uint64(len(*p))), *p...)
	}
	for _, p := range f.blobs {
		b = append(binary.AppendUvarint(b, uint64(len(*p))), *p...)
	}
	for _, p := range f.counts {
		b = binary.AppendUvarint(b, uint64(*p))
	}
	for _, p := range f.times {
		b = binary.AppendVarint(b, p.Unix())
		b = binary.AppendUvarint(b, uint64(p.Nanosecond()))
	}
	return binary.AppendUvarint(b, math.Float64bits(r.Percent))
}

// unpackRecord reads what packRecord wrote; the record shares no memory with b.
func unpackRecord(b []byte) *runtime.TaskRecord {
	r := &runtime.TaskRecord{}
	f := fieldsOf(r)
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	take := func() (head []byte) {
		n := number()
		head, b = b[:n], b[n:]
		return head
	}
	for _, p := range f.texts {
		*p = string(take())
	}
	for _, p := range f.blobs {
		if head := take(); len(head) > 0 {
			*p = append([]byte(nil), head...)
		}
	}
	for _, p := range f.counts {
		*p = int(number())
	}
	for _, p := range f.times {
		seconds, n := binary.Varint(b)
		b = b[n:]
		*p = time.Unix(seconds, int64(number())).UTC()
	}
	r.Percent = math.Float64frombits(number())
	return r
}
