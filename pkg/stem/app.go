package stem

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/codec"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory" // so that tests and first steps need no import
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

// App is an open store with the tasks that this program knows: it enqueues,
// waits and works. Make it with Open.
//
//   - Concurrency: safe for use by many goroutines.
type App struct {
	backend  *runtime.Backend
	client   *client.Client
	registry *runtime.Registry
	codecs   *codec.Registry
	settings settings
}

// Option is a setting of Open, and of a custom binary's cli.Main.
type Option func(*settings) error

type settings struct {
	defs       []runtime.Definition
	client     client.Options
	worker     worker.Options
	open       runtime.OpenOptions
	middleware []runtime.Middleware
	signals    *runtime.Signals
	logger     *slog.Logger
	build      string
	codecs     *codec.Registry
}

// Definer is a task that can be registered: a *TaskDef.
type Definer interface {
	Definition() (runtime.Definition, error)
}

// With registers tasks: their options are known when they are enqueued, and
// Work runs them.
func With(tasks ...Definer) Option {
	return func(s *settings) error {
		for _, t := range tasks {
			d, err := t.Definition()
			if err != nil {
				return err
			}
			s.defs = append(s.defs, d)
		}
		return nil
	}
}

// WithDefinitions registers tasks that were not made by Define.
func WithDefinitions(defs ...runtime.Definition) Option {
	return func(s *settings) error { s.defs = append(s.defs, defs...); return nil }
}

// WithWorker sets how Work works: queues, concurrency, lease, limits. What the
// app owns (registry, middleware, signals, logger) is filled in by Open.
func WithWorker(o worker.Options) Option {
	return func(s *settings) error { s.worker = o; return nil }
}

// WithClient sets how tasks are enqueued: defaults, size limits, queue depths.
func WithClient(o client.Options) Option {
	return func(s *settings) error { s.client = o; return nil }
}

// WithMiddleware wraps enqueueing and execution; the first is the outermost.
func WithMiddleware(m ...runtime.Middleware) Option {
	return func(s *settings) error { s.middleware = append(s.middleware, m...); return nil }
}

// WithSignals hears what happens to tasks and workers of this app.
func WithSignals(signals *runtime.Signals) Option {
	return func(s *settings) error { s.signals = signals; return nil }
}

// WithLogger receives the worker's log. Default: none.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error { s.logger = l; return nil }
}

// WithBuild names the program's version in its worker's heartbeats.
func WithBuild(version string) Option {
	return func(s *settings) error { s.build = version; return nil }
}

// WithCodecs adds encoders of your own.
func WithCodecs(r *codec.Registry) Option {
	return func(s *settings) error { s.codecs = r; return nil }
}

// WithOpen sets what runtime.Open takes besides the URL.
func WithOpen(o runtime.OpenOptions) Option {
	return func(s *settings) error { s.open = o; return nil }
}

// Definitions returns the tasks that options register, for programs that open
// the store later.
//
//   - Errors: ErrInvalid for a wrong option of a task.
func Definitions(opts ...Option) ([]runtime.Definition, error) {
	var s settings
	for _, o := range opts {
		if err := o(&s); err != nil {
			return nil, err
		}
	}
	return s.defs, nil
}

// Open opens the store behind a URL ("memory:", "sqlite:jobs.db") and returns
// the app that uses it.
//
//   - Errors: as runtime.Open; ErrInvalid and ErrExists for the tasks.
func Open(ctx context.Context, storeURL string, opts ...Option) (*App, error) {
	a := &App{}
	for _, o := range opts {
		if err := o(&a.settings); err != nil {
			return nil, err
		}
	}
	var err error
	if a.registry, err = runtime.NewRegistry(a.settings.defs...); err != nil {
		return nil, err
	}
	a.codecs = a.settings.codecs // nil knows the built-in encoders
	if a.backend, err = runtime.Open(ctx, storeURL, a.settings.open); err != nil {
		return nil, err
	}
	co := a.settings.client
	co.Registry, co.Codecs, co.Signals = a.registry, a.codecs, a.settings.signals
	co.Middleware = append(co.Middleware, a.settings.middleware...)
	a.client = client.New(a.backend, co)
	return a, nil
}

// Close closes the store. Stop the workers first.
func (a *App) Close() error { return a.backend.Close() }

// Backend returns the store's ports.
func (a *App) Backend() *runtime.Backend { return a.backend }

// Client returns what enqueues and waits.
func (a *App) Client() *client.Client { return a.client }

// Registry returns the tasks that the app knows.
func (a *App) Registry() *runtime.Registry { return a.registry }

// Codecs returns the encoders that the app knows.
func (a *App) Codecs() *codec.Registry { return a.codecs }

// Record returns what the store knows about a task now.
//
//   - Errors: ErrNotFound, ErrUnavailable.
func (a *App) Record(ctx context.Context, id string) (runtime.TaskRecord, error) {
	records, err := a.backend.Results.Get(ctx, []string{id})
	if err != nil {
		return runtime.TaskRecord{}, err
	}
	if len(records) == 0 || records[0].State == "" {
		return runtime.TaskRecord{}, runtime.Errorf(runtime.CodeNotFound, fmt.Sprintf("no task %s", id))
	}
	return records[0], nil
}

// Wake tells workers, after the commit of EnqueueTx, that queues have work.
func (a *App) Wake(ctx context.Context, queues ...string) error { return a.client.Wake(ctx, queues...) }

// EnqueueMany puts many requests into the store in few round trips and returns
// a result for each.
//
//   - Errors: as client.EnqueueMany.
func (a *App) EnqueueMany(ctx context.Context, rs []runtime.Request) ([]runtime.PublishResult, error) {
	return a.client.EnqueueMany(ctx, rs)
}
