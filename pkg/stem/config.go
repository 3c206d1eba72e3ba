package stem

import (
	"context"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/config"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// OpenConfig opens the store of a configuration with the tasks it declares and
// those of the options.
//
//   - Errors: as Open; ErrInvalid for a declared task that cannot be built, with
//     the place of its declaration.
func OpenConfig(ctx context.Context, c *config.Config, opts ...Option) (*App, error) {
	declared, err := FromConfig(c)
	if err != nil {
		return nil, err
	}
	return Open(ctx, c.Store, append([]Option{declared}, opts...)...)
}

// FromConfig returns the option that holds everything a configuration says but
// its store: tasks, defaults, queues and how to work.
//
//   - Errors: ErrInvalid for a declared task that cannot be built.
func FromConfig(c *config.Config) (Option, error) {
	var defs []runtime.Definition
	for _, t := range c.Tasks {
		d, err := definition(c, t)
		if err != nil {
			return nil, fmt.Errorf("%s: task %s: %w", t.Source, t.Name, err)
		}
		defs = append(defs, d)
	}
	depths := make(map[string]int, len(c.Queues))
	for name, q := range c.Queues {
		depths[name] = q.MaxDepth
	}
	w := c.Worker
	return func(s *settings) error {
		s.defs = append(s.defs, defs...)
		s.client = client.Options{Defaults: c.Defaults, MaxQueueDepth: depths}
		s.worker = worker.Options{
			Name: w.Name, Queues: w.Queues, Concurrency: w.Concurrency, Prefetch: w.Prefetch, Lease: w.Lease,
			SoftGrace: w.SoftGrace, HeartbeatEvery: w.Heartbeat, MaxLosses: w.MaxLosses, MaxResultBytes: int(w.MaxResult), Defaults: c.Defaults,
		}
		return nil
	}, nil
}

// definition builds the handler of a declared task.
func definition(c *config.Config, t config.Task) (runtime.Definition, error) {
	d := runtime.Definition{
		Name: t.Name, Description: t.Description, Tags: t.Tags, Idempotent: t.Idempotent,
		Source: t.Source, Options: t.Options,
	}
	var err error
	if t.Exec != nil {
		d.Kind = "exec"
		d.Run, err = handler.Exec(handler.ExecSpec(*t.Exec))
	} else {
		d.Kind = "http"
		d.Run, err = handler.HTTP(handler.HTTPSpec(*t.HTTP))
	}
	return d, err
}
