package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// watchFlag repeats a listing until it is interrupted.
type watchFlag struct {
	every string
}

func (w *watchFlag) add(f *pflag.FlagSet) {
	f.StringVar(&w.every, "watch", "", "repeat every `interval` (2s when not given)")
	f.Lookup("watch").NoOptDefVal = "2s"
}

// run calls show once, or until ctx ends. On a terminal each round replaces the
// last; elsewhere only formats with one document a round make sense.
func (w *watchFlag) run(ctx context.Context, a *app, show func(context.Context) error) error {
	if w.every == "" {
		return show(ctx)
	}
	every, err := runtime.ParseDuration(w.every)
	if err != nil {
		return err
	}
	if every < 100*time.Millisecond {
		return usagef("use 100ms or more", "bad --watch %s: it is too often", w.every)
	}
	if !a.console.OutTTY && a.printer.Format != "json" && a.printer.Format != "jsonl" {
		return usagef("add -o json or -o jsonl", "--watch needs a terminal or one document a round")
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if a.console.OutTTY && !a.printer.Structured() && !a.console.Accessible {
			fmt.Fprint(a.console.Out, "\x1b[H\x1b[2J")
		}
		if err := show(ctx); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil // interrupting is how a watch ends
		}
	}
}
