package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/stem"
	"github.com/stem-jobs/stem/pkg/stem/cli"
)

// Variables by which a test tells its processes what to be.
const (
	envBinary = "STEM_CHAOS_BINARY" // be a stem binary
	envLedger = "STEM_CHAOS_LEDGER" // where executions are written down
)

func TestMain(m *testing.M) {
	if os.Getenv(envBinary) != "" {
		cli.Main(stem.With(work)) // exits
	}
	os.Exit(m.Run())
}

// workArgs says how an execution behaves.
type workArgs struct {
	Ms   int  `json:"ms"`   // how long it takes
	Fail bool `json:"fail"` // end in the dead letters
}

// work writes down when it begins and when it ends, so that a test knows what
// was in flight at every moment.
var work = stem.Define("chaos.work", func(ctx context.Context, a workArgs) (string, error) {
	id := stem.FromContext(ctx).ID()
	if err := note("begin", id); err != nil {
		return "", err
	}
	select {
	case <-time.After(time.Duration(a.Ms) * time.Millisecond):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if err := note("end", id); err != nil {
		return "", err
	}
	if a.Fail {
		return "", stem.Permanent(errors.New("told to fail"))
	}
	return "did " + id, nil
})

// note appends one line. Short appends are atomic, whichever process dies.
func note(what, id string) error {
	f, err := os.OpenFile(os.Getenv(envLedger), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s %s %d\n", what, id, os.Getpid())
	return err
}

// execution is what the ledger knows of one id.
type execution struct {
	begins, ends int
	cut          int // begun by a process and never ended by it
}

// readLedger counts executions by id.
func readLedger(t *testing.T, path string) map[string]execution {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	type attempt struct{ id, pid string }
	open := map[attempt]int{}
	all := map[string]execution{}
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		e := all[words[1]]
		switch words[0] {
		case "begin":
			e.begins++
			open[attempt{words[1], words[2]}]++
		case "end":
			e.ends++
			open[attempt{words[1], words[2]}]--
		}
		all[words[1]] = e
	}
	for a, n := range open {
		e := all[a.id]
		e.cut += n
		all[a.id] = e
	}
	return all
}
