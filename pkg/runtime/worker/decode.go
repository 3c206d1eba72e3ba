package worker

import "github.com/stem-jobs/stem/pkg/runtime"

// decodeError says that the arguments cannot be read, under the same name as
// handlers whose arguments have the wrong shape.
type decodeError struct{ err error }

func (e *decodeError) Error() string { return e.err.Error() }
func (e *decodeError) Unwrap() error { return e.err }

// ErrorName returns the reason under which the task is filed.
func (e *decodeError) ErrorName() string { return runtime.ReasonDecode }

// decode makes the task that the handler sees, with its arguments in plain
// JSON, whatever they travelled as.
func (s *shift) decode(j *job) error {
	e := j.Envelope
	args, err := s.o.Codecs.DecodeArgs(e.Headers[runtime.HeaderArgsEncoder], e.Args)
	if err != nil {
		return runtime.Permanent(&decodeError{err})
	}
	j.task = runtime.Task{
		ID: j.Lease.TaskID, Name: e.Name, Queue: j.Lease.Queue,
		Args: args, Attempt: e.Attempt, MaxRetries: j.terms.retries, Deliveries: j.Deliveries,
		Headers: e.Headers, Meta: e.Meta, EnqueuedAt: e.EnqueuedAt, Host: &j.host,
	}
	return nil
}
