package cli

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// durationFlag reads stem's one duration grammar ("30s", "1d12h").
type durationFlag time.Duration

func (d *durationFlag) Set(s string) error {
	v, err := runtime.ParseDuration(s)
	*d = durationFlag(v)
	return err
}

func (d *durationFlag) String() string {
	if *d == 0 {
		return ""
	}
	return runtime.FormatDuration(time.Duration(*d))
}

func (d *durationFlag) Type() string { return "duration" }

func durationVar(f *pflag.FlagSet, target *time.Duration, name string, value time.Duration, usage string) {
	*target = value
	f.Var((*durationFlag)(target), name, usage)
}

// momentFlag reads a moment: RFC 3339, a date, or a duration, which is that
// long ago.
type momentFlag struct {
	t   *time.Time
	now runtime.Clock
}

func (m *momentFlag) Set(s string) error {
	if d, err := runtime.ParseDuration(s); err == nil {
		*m.t = m.now.Now().Add(-d)
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			*m.t = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("bad time %q: write 2026-01-31T12:00:00Z, 2026-01-31 (local time), or how long ago: 2h", s)
}

func (m *momentFlag) String() string {
	if m == nil || m.t == nil || m.t.IsZero() {
		return ""
	}
	return m.t.Format(time.RFC3339)
}

func (m *momentFlag) Type() string { return "time" }

func (a *app) momentVar(f *pflag.FlagSet, target *time.Time, name, usage string) {
	f.Var(&momentFlag{target, a.options.Now}, name, usage)
}

func addDryRun(f *pflag.FlagSet, target *bool) {
	f.BoolVarP(target, "dry-run", "n", false, "show what would be done and change nothing")
}

func addYes(f *pflag.FlagSet, target *bool) {
	f.BoolVarP(target, "yes", "y", false, "do not ask for confirmation")
}

func addReveal(f *pflag.FlagSet, target *bool) {
	f.BoolVar(target, "reveal", false, "show values whose keys look like secrets (password, token, ...)")
}
