package cli

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
	"github.com/stem-jobs/stem/pkg/runtime/host"
	"github.com/stem-jobs/stem/pkg/stem"
)

const drainHelp = "Ctrl-C (or SIGTERM) once: take nothing new and finish what runs. Twice: cancel what runs; it goes back\n" +
	"without costing an attempt. Three times: leave at once."

// roleFlags are the flags of commands that run a worker; each stands for a key
// of the configuration.
type roleFlags struct {
	flags *pflag.FlagSet
}

func (r *roleFlags) add(a *app, c *cobra.Command) {
	r.flags = c.Flags()
	r.flags.StringP("queues", "Q", "", "comma-separated `queues` to serve, in this order; with weights: mail=3,default=1")
	r.flags.IntP("concurrency", "c", 0, "tasks that run at once (default: the number of CPUs)")
	r.flags.Int("prefetch", 0, "tasks held ready beyond those that run (default: adapts)")
	r.flags.String("name", "", "the worker's name (default: host-pid-random)")
	completeFlags(a, c, "queues")
}

// overrides turns the flags that were given into settings.
func (r *roleFlags) overrides() []config.Override {
	keys := map[string]string{
		"queues": "worker.queues", "concurrency": "worker.concurrency", "prefetch": "worker.prefetch", "name": "worker.name",
	}
	var out []config.Override
	r.flags.Visit(func(f *pflag.Flag) {
		if key, ok := keys[f.Name]; ok {
			out = append(out, config.Override{Key: key, Flag: "--" + f.Name, Value: f.Value.String()})
		}
	})
	return out
}

func newWorker(a *app) *cobra.Command {
	var flags roleFlags
	c := &cobra.Command{
		Use:         "worker",
		Annotations: map[string]string{noFormats: "it runs until it is stopped; its log has --log-format json"},
		Short:       "Run tasks; list and ping workers",
		Long:        "Run the tasks that stem.yaml declares or that are compiled into this binary.\n\n" + drainHelp,
		Example:     "  stem worker\n  stem worker --queues mail,default --concurrency 20\n  stem worker ls",
		Args:        noStrayArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return a.work(c.Context(), flags.overrides()) },
	}
	flags.add(a, c)
	start := &cobra.Command{
		Use: "start", Short: "Run tasks (same as: stem worker)", Example: "  stem worker start", Args: noStrayArgs, Hidden: true,
		Annotations: c.Annotations,
		RunE:        c.RunE,
	}
	start.Flags().AddFlagSet(c.Flags())
	c.AddCommand(start, newWorkerLs(a), newWorkerPing(a))
	return c
}

func newUp(a *app) *cobra.Command {
	var flags roleFlags
	c := &cobra.Command{
		Use:         "up",
		Annotations: map[string]string{noFormats: "it runs until it is stopped; its log has --log-format json"},
		Short:       "Run everything that stem.yaml describes in one process",
		Long:        "Run everything that stem.yaml describes in one process: a worker for its tasks and queues.\n\n" + drainHelp,
		Example:     "  stem up\n  stem up --concurrency 4",
		Args:        noStrayArgs,
		RunE:        func(c *cobra.Command, _ []string) error { return a.work(c.Context(), flags.overrides()) },
	}
	flags.add(a, c)
	return c
}

// work runs a worker until it is told to stop.
func (a *app) work(ctx context.Context, overrides []config.Override) error {
	cfg, err := a.settings(overrides...)
	if err != nil {
		return err
	}
	log := a.logger(cfg)
	opened, err := a.openOrCreate(ctx, stem.WithLogger(log), stem.WithBuild(version()))
	if err != nil {
		return err
	}
	names := opened.Registry().Names()
	if len(names) == 0 {
		return &failure{code: exitConfig, err: fmt.Errorf("there is nothing to run: no tasks are declared"), hint: "declare some under tasks: in stem.yaml; stem init makes one"}
	}
	w, err := opened.Worker()
	if err != nil {
		return err
	}
	// The host decides what a signal means; the one that ends other commands must
	// not cut a drain short.
	signals, stop := host.Listen()
	defer stop()
	h, err := host.New(host.Options{
		Roles: []runtime.Role{w}, Signals: signals, Bus: opened.Backend().Bus, ID: w.ID(), Logger: log,
		Notify: func(line string) { a.console.Notef("%s", line) },
	})
	if err != nil {
		return err
	}
	a.announce(cfg, w.ID(), len(names), opened.Backend().Info)
	if ctx.Err() != nil {
		return nil // the signal came before the host listened
	}
	return h.Run(context.WithoutCancel(ctx))
}

// announce tells what was started, once, on standard error.
func (a *app) announce(cfg *settings, id string, tasks int, store runtime.StoreInfo) {
	w := cfg.config.Worker
	queues := make([]string, len(w.Queues))
	for i, q := range w.Queues {
		queues[i] = q.Queue
		if q.Weight > 0 {
			queues[i] += "=" + strconv.Itoa(q.Weight)
		}
	}
	a.hint("worker %s: %d tasks, queues %s, concurrency %d, store %s", id, tasks, strings.Join(queues, ","), w.Concurrency, store.URL)
	a.hint("stop with Ctrl-C")
}

// logger writes the worker's log to standard error as configured.
func (a *app) logger(cfg *settings) *slog.Logger {
	var level slog.Level
	// Only the four words that the configuration allows come here.
	_ = level.UnmarshalText([]byte(cfg.config.Log.Level))
	o := &slog.HandlerOptions{Level: level}
	if cfg.config.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(a.console.Err, o))
	}
	return slog.New(slog.NewTextHandler(a.console.Err, o))
}
