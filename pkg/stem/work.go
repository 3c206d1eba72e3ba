package stem

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// Worker returns a worker of the app's tasks, as WithWorker configured it, for
// programs that run it as a runtime.Role themselves.
//
//   - Errors: ErrInvalid for options that are out of range.
func (a *App) Worker() (*worker.Worker, error) {
	o := a.settings.worker
	o.Registry, o.Codecs, o.Signals = a.registry, a.codecs, a.settings.signals
	o.Middleware = append(o.Middleware, a.settings.middleware...)
	if a.settings.build != "" {
		o.Build = a.settings.build
	}
	if a.settings.logger != nil {
		o.Logger = a.settings.logger
	}
	return worker.New(a.backend, a.client, o)
}

// Work runs a worker until ctx ends. Then it takes nothing more, lets what runs
// finish for the soft grace (30 s unless configured), cancels the rest, gives
// it back without charging an attempt, and returns.
//
//   - Errors: ErrInvalid for the configuration; what made the worker give up.
//   - Concurrency: several calls are several workers.
func (a *App) Work(ctx context.Context) error {
	w, err := a.Worker()
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- w.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := a.settings.worker.SoftGrace
	if grace == 0 {
		grace = worker.DefaultSoftGrace
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if w.Drain(patient, runtime.DrainWarm) != nil {
		// An error only says that time is up; the soft drain bounds itself.
		_ = w.Drain(context.WithoutCancel(ctx), runtime.DrainSoft)
	}
	return <-done
}
