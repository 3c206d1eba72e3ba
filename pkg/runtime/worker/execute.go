package worker

import (
	"context"
	"encoding/json"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// attempt runs the handler once, within the consume middleware, and returns
// what came of it. A panic anywhere in it is an error.
func (s *shift) attempt(j *job) (result json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, panicked(p)
		}
	}()
	call := func(context.Context) error {
		result, err = s.execute(j)
		return err
	}
	err = consume(s.o.Middleware, j, call)
	return result, err
}

// execute decodes the arguments and calls the handler, with its limits ticking.
func (s *shift) execute(j *job) (json.RawMessage, error) {
	if err := s.decode(j); err != nil {
		return nil, err
	}
	ctx := runtime.WithTask(j.ctx, &j.task)
	s.signal(runtime.Signal{Name: runtime.SignalPrerun, Envelope: j.Envelope})
	ctx, stop := s.limit(ctx, j)
	defer stop()
	return j.plan.run(ctx, &j.task)
}
