package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

type enqueueOptions struct {
	app       *app
	flags     *pflag.FlagSet
	line      call
	set       []string
	headers   []string
	argsFile  string
	stdin     bool
	batch     int
	maxErrors int
	wait      bool
	waitFor   time.Duration
	dryRun    bool
	force     bool
}

func newEnqueue(a *app) *cobra.Command {
	o := &enqueueOptions{app: a}
	c := &cobra.Command{
		Use:   "enqueue TASK [ARGS-JSON]",
		Short: "Enqueue one task, or a stream of them from standard input",
		Long: "Enqueue one task: its name and its arguments as a JSON object, from the command line, --set or --args-file.\n\n" +
			"With --stdin every line is a task of its own, as JSON: {\"task\": \"mail.send\", \"args\": {...}}. Its keys: task,\n" +
			"args, id, queue, priority, retries, delay, at, expires, softLimit, hardLimit, uniqueKey, uniqueFor, keep, encoding,\n" +
			"headers, meta, ignoreResult, and then and onFailure: lists of such tasks, enqueued when this one has ended so.",
		Example: `  stem enqueue mail.send '{"to": "a@example.org"}'
  stem enqueue mail.send --set to=a@example.org --delay 10m --priority 5
  stem enqueue report.build '{"month": "2026-10"}' --wait --wait-timeout 5m
  seq 100 | sed 's/.*/{"task": "job.run", "args": {"n": &}}/' | stem enqueue --stdin`,
		Args: func(c *cobra.Command, args []string) error {
			if o.stdin {
				return argRange(0, 0, "no arguments with --stdin")(c, args)
			}
			return argRange(1, 2, "a task's name and its arguments as JSON")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	o.flags = f
	f.StringArrayVar(&o.set, "set", nil, "one argument as `key=value`; the value is JSON, or else text")
	f.StringVar(&o.argsFile, "args-file", "", "read the arguments from this `file`, - is standard input")
	f.StringVar(&o.line.ID, "id", "", "the task's id: enqueueing it again changes nothing")
	f.StringVarP(&o.line.Queue, "queue", "Q", "", "queue, instead of the task's own")
	f.StringVar((*string)(&o.line.Priority), "priority", "", "0 to 9, higher first")
	f.StringVar((*string)(&o.line.Retries), "retries", "", "tries after the first")
	f.StringVar(&o.line.Delay, "delay", "", "due after this `time`")
	f.StringVar(&o.line.At, "at", "", "due at this `moment`, RFC 3339")
	f.StringVar(&o.line.Expires, "expires", "", "cancel it when it has not started within this `time`")
	f.StringVar(&o.line.SoftLimit, "soft-limit", "", "tell the handler after this `time`")
	f.StringVar(&o.line.HardLimit, "hard-limit", "", "cancel the handler after this `time`")
	f.StringVar(&o.line.UniqueKey, "unique-key", "", "accept no other task with this key while this one is unfinished")
	f.StringVar(&o.line.UniqueFor, "unique-for", "", "hold the unique key this long after the end")
	f.StringVar(&o.line.Keep, "keep", "", "how long its record is kept")
	f.StringVar(&o.line.Encoding, "encoding", "", "how the arguments travel: json or gzip")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "a header, as `key=value`")
	f.BoolVar(&o.stdin, "stdin", false, "read one task a line, as JSON, from standard input")
	f.IntVar(&o.batch, "batch", 500, "with --stdin: this many in one step at most")
	f.IntVar(&o.maxErrors, "max-errors", 0, "with --stdin: stop after this many bad lines (0: never)")
	f.BoolVar(&o.wait, "wait", false, "wait for the result and print it")
	durationVar(f, &o.waitFor, "wait-timeout", 0, "stop waiting after this `time` (0: never)")
	f.BoolVar(&o.force, "force", false, "also a name that this configuration does not know")
	addDryRun(f, &o.dryRun)
	c.ValidArgsFunction = completeTaskNames(a)
	completeFlags(a, c, "queue")
	return c
}

func (o *enqueueOptions) run(ctx context.Context, args []string) error {
	switch {
	case o.emptyID():
		return usagef("leave it out to have one made", "--id is empty")
	case o.batch < 1 || o.batch > 1000:
		return usagef("", "--batch must be 1 to 1000")
	case o.maxErrors < 0:
		return usagef("", "--max-errors is negative")
	case o.stdin && o.wait:
		return usagef("collect the ids with -o name and use: stem task wait -", "--stdin and --wait exclude each other")
	}
	if o.stdin {
		return o.stream(ctx)
	}
	request, err := o.request(args)
	if err != nil {
		return err
	}
	opened, err := o.app.openToEnqueue(ctx)
	if err != nil {
		return err
	}
	if err := o.known(opened, request.Name); err != nil {
		return err
	}
	if o.dryRun {
		return o.preview(ctx, opened, request)
	}
	storeCtx, cancel := o.app.withTimeout(ctx)
	result, err := opened.Client().Enqueue(storeCtx, request)
	cancel()
	if err != nil {
		return err
	}
	if err := o.remark(ctx, opened, request.Name, result); err != nil {
		return err
	}
	if o.wait {
		return o.app.wait(ctx, opened, []string{result.ID}, o.waitFor)
	}
	return o.print(newResultView(request.Name, result))
}

// emptyID reports an --id that was meant to hold something: a task with a made
// one would not be idempotent.
func (o *enqueueOptions) emptyID() bool { return o.flags.Changed("id") && o.line.ID == "" }

// remark tells what a person would not expect: that the task was there already.
// An id that belongs to another task is a mistake.
func (o *enqueueOptions) remark(ctx context.Context, opened *stem.App, name string, r runtime.PublishResult) error {
	if r.Status == runtime.Duplicate {
		o.app.hint("not enqueued: task %s has its unique key", r.ID)
	}
	if r.Status != runtime.Exists {
		return nil
	}
	there, err := opened.Record(ctx, r.ID)
	if err != nil {
		return err
	}
	if there.Name != name {
		return &failure{code: exitNegative, hint: "choose another --id", err: fmt.Errorf("task %s exists already: it is a %s, %s", r.ID, there.Name, there.State)}
	}
	o.app.hint("not enqueued: task %s exists already, %s", r.ID, there.State)
	return nil
}

// request puts the command line together.
func (o *enqueueOptions) request(args []string) (runtime.Request, error) {
	line := o.line
	line.Task = args[0]
	var err error
	if line.Args, err = o.arguments(args[1:]); err != nil {
		return runtime.Request{}, err
	}
	for _, h := range o.headers {
		key, value, ok := strings.Cut(h, "=")
		if !ok || key == "" {
			return runtime.Request{}, usagef("write it as key=value", "bad --header %q", h)
		}
		if line.Headers == nil {
			line.Headers = map[string]string{}
		}
		line.Headers[key] = value
	}
	return line.request()
}

// arguments reads the task's arguments from the one place that was given.
func (o *enqueueOptions) arguments(rest []string) (json.RawMessage, error) {
	sources := len(rest)
	if o.argsFile != "" {
		sources++
	}
	if len(o.set) > 0 {
		sources++
	}
	if sources > 1 {
		return nil, usagef("", "give the arguments once: as JSON, by --set or by --args-file")
	}
	switch {
	case len(rest) == 1 && rest[0] == "-":
		return readAll(o.app.console.In, "standard input")
	case len(rest) == 1:
		return checkArgs([]byte(rest[0]), "arguments")
	case o.argsFile == "-":
		return readAll(o.app.console.In, "standard input")
	case o.argsFile != "":
		f, err := os.Open(o.argsFile)
		if err != nil {
			return nil, usagef("", "read the arguments: %w", err)
		}
		defer f.Close()
		return readAll(f, o.argsFile)
	case len(o.set) > 0:
		return setArgs(o.set)
	}
	return nil, nil
}

func readAll(r io.Reader, name string) (json.RawMessage, error) {
	raw, err := io.ReadAll(io.LimitReader(r, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return checkArgs(raw, name)
}

func checkArgs(raw []byte, name string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, usagef(`write an object, such as '{"to": "a@example.org"}'`, "the %s are not a JSON object: %v", name, err)
	}
	return raw, nil
}

// setArgs makes an object of key=value pairs; a value that is JSON stays what
// it is, anything else is text.
func setArgs(pairs []string) (json.RawMessage, error) {
	object := map[string]json.RawMessage{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usagef("write it as key=value", "bad --set %q", pair)
		}
		object[key] = json.RawMessage(value)
		if !json.Valid([]byte(value)) {
			object[key], _ = json.Marshal(value) // text always marshals
		}
	}
	return json.Marshal(object)
}

// known refuses a name that no task here has and one here nearly has: a typing
// error would sit in the queue until somebody wonders.
func (o *enqueueOptions) known(opened *stem.App, name string) error {
	if err := runtime.CheckName("task name", name); err != nil {
		return err
	}
	names := opened.Registry().Names()
	if o.force || len(names) == 0 || contains(names, name) {
		return nil
	}
	if near := nearest(name, names); near != "" {
		return usagef("did you mean: "+near+"? To enqueue it anyway add --force", "no task %q is declared here", name)
	}
	o.app.hint("note: no task %q is declared here; a worker that knows it has to run it", name)
	return nil
}

// resultView is the fate of one enqueued task in JSON.
type resultView struct {
	ID     string `json:"id"`
	Task   string `json:"task"`
	Status string `json:"status"`
	Error  string `json:"error"`
	DryRun bool   `json:"dryRun"`
}

func newResultView(task string, r runtime.PublishResult) resultView {
	v := resultView{ID: r.ID, Task: task, Status: r.Status.String()}
	if r.Err != nil {
		v.Error = r.Err.Error()
	}
	return v
}

func (o *enqueueOptions) print(v resultView) error {
	p := o.app.printer
	if p.Structured() || p.Format == "name" || p.Format == "none" {
		return printer.PrintItem(p, v, v.ID, nil)
	}
	return p.Line("%s", v.ID)
}

// preview prepares the task and shows what would be published.
func (o *enqueueOptions) preview(ctx context.Context, opened *stem.App, r runtime.Request) error {
	pub, err := opened.Client().Prepare(ctx, r)
	if err != nil {
		return err
	}
	if o.app.printer.Structured() {
		return printer.PrintItem(o.app.printer, pub, pub.Envelope.ID, nil)
	}
	o.app.hint("nothing was enqueued; this is what would be:")
	raw, err := json.MarshalIndent(pub, "", "  ")
	if err != nil {
		return err
	}
	return o.app.printer.Line("%s", raw)
}
