package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

// completionTime is how long a person who pressed Tab is kept waiting.
const completionTime = 300 * time.Millisecond

// maxCompletions is how many ids a shell is given to choose from.
const maxCompletions = 100

// completeFlags completes the values of flags by their names.
func completeFlags(a *app, c *cobra.Command, names ...string) {
	for _, name := range names {
		complete := map[string]cobra.CompletionFunc{
			"queue": queueWords(a), "queues": commaSeparated(queueWords(a)),
			"task": taskWords(a), "state": commaSeparated(completeStates),
		}[name]
		if err := c.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // the command has no such flag: a mistake in the program
		}
	}
}

// completeTaskIDs completes ids of tasks, the latest first: those that the
// command can do something about.
func completeTaskIDs(a *app) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		q := runtime.TaskQuery{Places: placesFor(c), Limit: 1000}
		tasks := ask(a, func(ctx context.Context, opened *stem.App) ([]runtime.TaskRecord, error) {
			tasks, _, err := listTasks(ctx, opened.Backend(), q, false)
			return tasks, err
		})
		newestFirst(tasks)
		var out []cobra.Completion
		for _, t := range tasks {
			if strings.HasPrefix(t.ID, prefix) && !contains(args, t.ID) && len(out) < maxCompletions {
				out = append(out, cobra.CompletionWithDesc(t.ID, t.Name+" "+string(t.State)))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// placesFor returns where a command finds its tasks; nil is everywhere.
func placesFor(c *cobra.Command) []runtime.Place {
	switch {
	case c.Parent() != nil && c.Parent().Name() == "dlq", c.Name() == "retry":
		return []runtime.Place{runtime.PlaceDead}
	case c.Name() == "cancel", c.Name() == "wait":
		return []runtime.Place{runtime.PlaceReady, runtime.PlaceDelayed, runtime.PlaceWaiting, runtime.PlaceParked, runtime.PlaceLeased}
	}
	return nil
}

// completeQueues completes a queue as the first argument.
func completeQueues(a *app) cobra.CompletionFunc { return firstArgument(queueWords(a)) }

// completeTaskNames completes the name of a task as the first argument.
func completeTaskNames(a *app) cobra.CompletionFunc { return firstArgument(taskWords(a)) }

// firstArgument completes nothing after the first argument.
func firstArgument(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(c, args, prefix)
	}
}

// queueWords completes queues: those of the store and those configured.
func queueWords(a *app) cobra.CompletionFunc {
	return words(func() map[string]string {
		found := map[string]string{}
		if cfg, err := a.settingsInSilence(); err == nil {
			for _, q := range cfg.config.Worker.Queues {
				found[q.Queue] = ""
			}
		}
		stats := ask(a, func(ctx context.Context, opened *stem.App) ([]runtime.QueueStat, error) {
			return opened.Backend().Queues.Stats(ctx, nil)
		})
		for _, s := range stats {
			found[s.Queue] = ""
		}
		return found
	})
}

// taskWords completes names of tasks: those declared or compiled in, and those
// that live workers know.
func taskWords(a *app) cobra.CompletionFunc {
	return words(func() map[string]string {
		found := map[string]string{}
		workers := ask(a, func(ctx context.Context, opened *stem.App) ([]runtime.Heartbeat, error) {
			return opened.Backend().Heartbeats.List(ctx)
		})
		for _, w := range workers {
			for _, name := range w.Tasks {
				found[name] = ""
			}
		}
		if cfg, err := a.settingsInSilence(); err == nil {
			defs, _ := cfg.definitions(a.options.Stem) // none when one is wrong
			for _, d := range defs {
				found[d.Name] = d.Description
			}
		}
		return found
	})
}

func completeStates(_ *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, s := range runtime.States {
		if strings.HasPrefix(string(s), prefix) {
			out = append(out, string(s))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// words completes one of the words that find returns with their descriptions.
func words(find func() map[string]string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found := find()
		var out []cobra.Completion
		for _, w := range slices.Sorted(maps.Keys(found)) {
			if strings.HasPrefix(w, prefix) {
				out = append(out, cobra.CompletionWithDesc(w, found[w]))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// commaSeparated completes the last of several words.
func commaSeparated(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		head := prefix[:strings.LastIndexByte(prefix, ',')+1]
		out, directive := complete(c, args, prefix[len(head):])
		for i := range out {
			out[i] = head + out[i]
		}
		return out, directive | cobra.ShellCompDirectiveNoSpace
	}
}

// settingsInSilence reads the configuration without its warnings: a shell that
// completes a word has nowhere to show them.
func (a *app) settingsInSilence() (*settings, error) {
	a.flags.quiet = true
	return a.settings()
}

// ask puts a question to the store, and gives up silently when there is no
// store, no answer or no time. It opens the store for itself and without
// creating anything: the answer may come after the command has ended.
func ask[T any](a *app, question func(context.Context, *stem.App) (T, error)) T {
	var none T
	cfg, err := a.settingsInSilence()
	if err != nil {
		return none
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	answer := make(chan T, 1)
	go func() {
		defer cancel()
		opened, err := cfg.open(ctx, append(slices.Clone(a.options.Stem), stem.WithOpen(runtime.OpenOptions{ReadOnly: true}))...)
		if err != nil {
			return
		}
		defer opened.Close()
		if v, err := question(ctx, opened); err == nil {
			answer <- v
		}
	}()
	<-ctx.Done()
	select {
	case v := <-answer:
		return v
	default:
		return none
	}
}
