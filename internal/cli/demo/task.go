package demo

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

// Queue is where the tasks wait: a queue of their own, so that the demo never
// touches other work in the same store.
const Queue = "demo"

// Count is the task. It returns the [Counts] of one directory.
var Count = stem.Define("demo.count", count,
	stem.Queue(Queue),
	stem.Description("count the files, lines and Go declarations of one directory"),
	stem.Retries(2),
	stem.Retry(runtime.RetryPolicy{Backoff: 200 * time.Millisecond}),
)

// Args name a directory: Dir is slash-separated, below Root. Trouble is what
// happens to the task on purpose.
type Args struct {
	Root    string  `json:"root"`
	Dir     string  `json:"dir"`
	Trouble Trouble `json:"trouble,omitempty"`
}

func count(ctx context.Context, a Args) (Counts, error) {
	c := stem.FromContext(ctx)
	if err := a.Trouble.strike(c.Task()); err != nil {
		return Counts{}, err
	}
	counts, err := CountDir(ctx, a.Root, a.Dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return Counts{}, stem.Permanent(err) // no retry brings it back
	}
	if err != nil {
		return Counts{}, err
	}
	c.Logf("%s: %d files, %d lines", filepath.Join(a.Root, filepath.FromSlash(a.Dir)), counts.Files, counts.Lines)
	return counts, nil
}
