package worker

import "github.com/stem-jobs/stem/pkg/runtime"

// decodeError is a failure that no retry mends: the arguments cannot be read.
type decodeError struct{ err error }

func (e *decodeError) Error() string { return e.err.Error() }
func (e *decodeError) Unwrap() error { return e.err }

// decode makes the task that the handler sees, with its arguments in plain
// JSON, whatever they travelled as.
func (s *shift) decode(j *job) error {
	e := j.Envelope
	args, err := s.o.Codecs.DecodeArgs(e.Headers[runtime.HeaderArgsEncoder], e.Args)
	if err != nil {
		return &decodeError{err}
	}
	j.task = runtime.Task{
		ID: j.Lease.TaskID, Name: e.Name, Queue: j.Lease.Queue,
		Args: args, Attempt: e.Attempt, MaxRetries: j.terms.retries, Deliveries: j.Deliveries,
		Headers: e.Headers, Meta: e.Meta, EnqueuedAt: e.EnqueuedAt, Host: &j.host,
	}
	return nil
}
