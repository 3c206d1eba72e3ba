package demo

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestTroubleOf(t *testing.T) {
	for _, c := range []struct{ n, fail, stumble int }{
		{0, 0, 0}, {1, 0, 0}, {2, 1, 0}, {3, 1, 1}, {15, 1, 1}, {16, 1, 1}, {40, 1, 2}, {800, 20, 47}, // 6 of the 53 that would stumble fail
	} {
		got := map[Trouble]int{}
		for i := range c.n {
			got[TroubleOf(i, c.n)]++
		}
		if got[Fail] != c.fail || got[Stumble] != c.stumble {
			t.Errorf("of %d tasks %d fail and %d stumble; want %d and %d", c.n, got[Fail], got[Stumble], c.fail, c.stumble)
		}
	}
}

// attempt runs the handler as a worker would.
func attempt(t *testing.T, a Args, task runtime.Task) (Counts, error) {
	t.Helper()
	def, err := Count.Definition()
	if err != nil {
		t.Fatal(err)
	}
	task.Args, err = json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	task.Host = silentHost{}
	raw, err := def.Run(runtime.WithTask(t.Context(), &task), &task)
	if err != nil {
		return Counts{}, err
	}
	var counts Counts
	return counts, json.Unmarshal(raw, &counts)
}

type silentHost struct{}

func (silentHost) Progress(context.Context, float64, json.RawMessage) error { return nil }
func (silentHost) Extend(context.Context, time.Duration) error              { return nil }
func (silentHost) Enqueue(context.Context, []runtime.Request) ([]runtime.PublishResult, error) {
	return nil, nil
}
func (silentHost) Log(string)                 {}
func (silentHost) SoftLimit() <-chan struct{} { return nil }

func TestTaskCounts(t *testing.T) {
	root := tree(t, map[string]string{"p/x.go": source})
	got, err := attempt(t, Args{Root: root, Dir: "p"}, runtime.Task{})
	if err != nil || got.Dir != "p" || got.Functions != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTaskTrouble(t *testing.T) {
	root := tree(t, map[string]string{"p/x.go": source})
	replayed := map[string]string{runtime.HeaderReplay: "1"}
	for name, c := range map[string]struct {
		trouble   Trouble
		task      runtime.Task
		fails     bool
		permanent bool
	}{
		"fail":                       {Fail, runtime.Task{}, true, true},
		"fail, replayed":             {Fail, runtime.Task{Headers: replayed}, false, false},
		"stumble, first attempt":     {Stumble, runtime.Task{}, true, false},
		"stumble, second attempt":    {Stumble, runtime.Task{Attempt: 1}, false, false},
		"stumble, replayed":          {Stumble, runtime.Task{Headers: replayed}, false, false},
		"no trouble, second attempt": {NoTrouble, runtime.Task{Attempt: 1}, false, false},
	} {
		_, err := attempt(t, Args{Root: root, Dir: "p", Trouble: c.trouble}, c.task)
		if (err != nil) != c.fails || runtime.IsPermanent(err) != c.permanent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTaskOfAVanishedDirectory: no retry brings it back.
func TestTaskOfAVanishedDirectory(t *testing.T) {
	_, err := attempt(t, Args{Root: t.TempDir(), Dir: "gone"}, runtime.Task{})
	if !runtime.IsPermanent(err) {
		t.Errorf("got %v, want a permanent failure", err)
	}
}
