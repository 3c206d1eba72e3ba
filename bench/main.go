package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	systems, scenarios, sync string
	reps                     int
	quick                    bool
	out, jsonOut, from, dir  string
	profile                  string
	child                    string
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.systems, "systems", "", "comma-separated `names` of systems; empty is all")
	flags.StringVar(&o.scenarios, "scenarios", "", "comma-separated `names` of scenarios; empty is all")
	flags.StringVar(&o.sync, "sync", syncNormal+","+syncFull, "synchronous `levels`")
	flags.IntVar(&o.reps, "reps", 3, "repetitions")
	flags.BoolVar(&o.quick, "quick", false, "a smoke: tiny runs, one repetition, ledgers checked, nothing written")
	flags.StringVar(&o.out, "out", "", "write the page to this `file`; by default ../docs/benchmarks.md when everything is measured three times")
	flags.StringVar(&o.jsonOut, "json", "", "also write all outcomes to this `file`")
	flags.StringVar(&o.from, "from", "", "measure nothing: render the outcomes in this `file`, written by -json")
	flags.StringVar(&o.dir, "dir", "", "`directory` for the stores; empty is the system's temporary one")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of every measured process into this `directory`")
	flags.StringVar(&o.child, "child", "", "used by bench itself: run one job")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	complete := o.systems == "" && o.scenarios == "" && o.sync == syncNormal+","+syncFull
	if o.out == "" && complete && o.reps >= 3 && !o.quick && o.profile == "" {
		o.out = "../docs/benchmarks.md"
	}
	return o, nil
}

// plan turns the options into what is measured.
func (o options) plan() (plan, error) {
	p := plan{reps: o.reps, scale: fullScale, syncs: strings.Split(o.sync, ","), profile: o.profile}
	if o.quick {
		p.reps, p.scale, p.syncs = 1, quickScale, []string{syncNormal}
	}
	if o.reps < 1 {
		return p, fmt.Errorf("-reps %d: must be at least 1", o.reps)
	}
	for _, s := range p.syncs {
		if s != syncNormal && s != syncFull {
			return p, fmt.Errorf("-sync: no level %q; there are %s and %s", s, syncNormal, syncFull)
		}
	}
	var err error
	if p.columns, err = chosen(o.systems, columns(), columnNamed); err != nil {
		return p, fmt.Errorf("-systems: %w", err)
	}
	if p.scenarios, err = chosen(o.scenarios, scenarios(), scenarioNamed); err != nil {
		return p, fmt.Errorf("-scenarios: %w", err)
	}
	return p, nil
}

// chosen looks up comma-separated names; none is all.
func chosen[T any](names string, all []T, find func(string) (T, error)) ([]T, error) {
	if names == "" {
		return all, nil
	}
	var picked []T
	for name := range strings.SplitSeq(names, ",") {
		item, err := find(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		picked = append(picked, item)
	}
	return picked, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, stdout io.Writer) error {
	switch {
	case o.child != "":
		return runJob(ctx, o.child, stdout)
	case o.from != "":
		r, err := readReport(o.from)
		if err != nil {
			return err
		}
		return publish(r, o, stdout)
	}
	p, err := o.plan()
	if err != nil {
		return err
	}
	outcomes, err := p.run(ctx, o.dir, os.Stderr)
	if err != nil {
		return err
	}
	return publish(report{Machine: thisMachine(o.dir), Reps: p.reps, Scale: p.scale, Outcomes: outcomes}, o, stdout)
}

// publish prints the tables and writes the files that were asked for. A page with a failed run is not
// written.
func publish(r report, o options, stdout io.Writer) error {
	if o.quick {
		fmt.Fprint(stdout, r.smoke())
	} else {
		fmt.Fprint(stdout, r.tables())
	}
	if o.jsonOut != "" {
		text, err := json.MarshalIndent(r, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.jsonOut, text, 0o644); err != nil {
			return err
		}
	}
	if failures := r.failures(); len(failures) > 0 {
		return fmt.Errorf("%d runs failed:\n%s", len(failures), strings.Join(failures, "\n"))
	}
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(r.document()), 0o644)
}

func readReport(file string) (report, error) {
	var r report
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", file, err)
	}
	if slices.ContainsFunc(r.Outcomes, func(o outcome) bool { return o.System == "" }) {
		return r, fmt.Errorf("read %s: an outcome names no system", file)
	}
	return r, nil
}
