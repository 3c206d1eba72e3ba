package memory

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

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
