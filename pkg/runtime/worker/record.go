package worker

import (
	"strings"
	"unicode"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	maxAttempts = 10   // kept in a task's history
	maxLine     = 300  // bytes of an error in history and lists
	maxMessage  = 8192 // bytes of an error in the record
)

// record is what is kept of the attempt, whatever it came to.
func (a attempt) record() *runtime.Record {
	r := &runtime.Record{Log: a.log, StartedAt: a.started.UTC(), FinishedAt: a.finished.UTC()}
	if _, ok := a.envelope.Meta[runtime.MetaAttempts]; ok {
		r.Attempts = a.earlier()
	}
	return r
}

// failure is the record of an attempt that failed.
func (a attempt) failure(retryable bool) *runtime.Record {
	r := a.record()
	r.Error = &runtime.TaskError{
		Type: a.err.kind(), Message: cut(strings.ToValidUTF8(a.err.text, "\uFFFD"), maxMessage),
		Stack: a.err.stack, Retryable: retryable,
	}
	return r
}

// earlier returns the failed attempts before this one. A history that cannot
// be read is begun anew: it must not keep the task from ending.
func (a attempt) earlier() []runtime.AttemptRecord {
	var h []runtime.AttemptRecord
	if _, err := a.envelope.MetaValue(runtime.MetaAttempts, &h); err != nil {
		return nil
	}
	return h
}

// history is the failed attempts, this one included, the oldest ones dropped.
func (a attempt) history() []runtime.AttemptRecord {
	h := append(a.earlier(), runtime.AttemptRecord{
		Attempt: a.envelope.Attempt, Worker: a.worker, At: a.finished.UTC(),
		DurationMs: a.finished.Sub(a.started).Milliseconds(),
		Type:       a.err.kind(), Message: oneLine(a.err.text),
	})
	return h[max(0, len(h)-maxAttempts):]
}

// oneLine is an error's text for lists: no line breaks, no control characters
// that a terminal would obey.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(cut(s, maxLine), "\uFFFD"))
	return strings.TrimSpace(s)
}
