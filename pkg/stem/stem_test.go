package stem_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
	"github.com/stem-jobs/stem/pkg/stem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type pair struct {
	A int `json:"a"`
	B int `json:"b"`
}

var add = stem.Define("math.add", func(_ context.Context, p pair) (int, error) {
	if p.A < 0 {
		return 0, stem.Permanent(errors.New("negative"))
	}
	return p.A + p.B, nil
}, stem.Queue("math"), stem.Retries(3), stem.HardLimit(time.Minute), stem.RateLimit("1000/s"), stem.Description("Add two numbers"))

// open opens an app that works until the test ends.
func open(t *testing.T, url string, opts ...stem.Option) *stem.App {
	t.Helper()
	opts = append(opts, stem.WithWorker(worker.Options{Queues: []runtime.QueueShare{{Queue: "math"}, {Queue: "default"}}}))
	app, err := stem.Open(t.Context(), url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { app.Close() })
	return app
}

func work(t *testing.T, app *stem.App) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Work(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("work: %v", err)
		}
	})
}

func stores(t *testing.T, f func(t *testing.T, url string)) {
	t.Run("memory", func(t *testing.T) { f(t, "memory:") })
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite:"+filepath.Join(t.TempDir(), "stem.db")) })
}

func TestTypedTaskFromEnqueueToResult(t *testing.T) {
	stores(t, func(t *testing.T, url string) {
		app := open(t, url, stem.With(add))
		work(t, app)
		h, err := add.Enqueue(t.Context(), app, pair{2, 3}, stem.Priority(5))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Wait(t.Context()); err != nil || got != 5 {
			t.Errorf("got %d, %v", got, err)
		}
		if got, err := add.Handle(app, h.ID).Wait(t.Context()); err != nil || got != 5 {
			t.Errorf("by its id: %d, %v", got, err)
		}
		r, err := h.Record(t.Context())
		if err != nil || r.Queue != "math" || r.Priority != 5 || r.State != runtime.StateSucceeded {
			t.Errorf("record %+v, %v", r, err)
		}
	})
}

func TestFailureIsTyped(t *testing.T) {
	app := open(t, "memory:", stem.With(add))
	work(t, app)
	h, err := add.Enqueue(t.Context(), app, pair{A: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Wait(t.Context())
	var failed *client.TaskFailed
	if !errors.As(err, &failed) || failed.Task.Reason != runtime.ReasonPermanent || failed.Failure.Message != "negative" {
		t.Errorf("got %v", err)
	}
	if _, err := add.Handle(app, "nobody").Record(t.Context()); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
}

// TestDefinitionDoesNotTravel: what Define says is the worker's business, and a
// newer worker's word counts; what a call says travels with it.
func TestDefinitionDoesNotTravel(t *testing.T) {
	for name, opts := range map[string][]stem.Option{"known": {stem.With(add)}, "unknown": nil} {
		app := open(t, "memory:", opts...)
		r, err := add.Request(pair{1, 2}, stem.SoftLimit(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		p, err := app.Client().Prepare(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		e := p.Envelope
		if e.Queue != "math" || e.MaxRetries != 3 {
			t.Errorf("%s: queue %s, %d retries", name, e.Queue, e.MaxRetries)
		}
		if _, travels := e.Meta[runtime.MetaHardLimit]; travels {
			t.Errorf("%s: the definition's hard limit travels", name)
		}
		if _, travels := e.Meta[runtime.MetaSoftLimit]; !travels {
			t.Errorf("%s: the call's soft limit does not travel", name)
		}
	}
}

func TestWrongOptionsAreReported(t *testing.T) {
	bad := stem.Define("bad.rate", func(context.Context, struct{}) (int, error) { return 0, nil }, stem.RateLimit("often"))
	if _, err := stem.Open(t.Context(), "memory:", stem.With(bad)); err == nil || !strings.Contains(err.Error(), "bad.rate") || !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("at open: %v", err)
	}
	if _, err := stem.Open(t.Context(), "memory:", stem.With(add, add)); !errors.Is(err, runtime.ErrExists) {
		t.Errorf("registered twice: %v", err)
	}
	app := open(t, "memory:", stem.With(add))
	for _, o := range []stem.CallOption{stem.RateLimit("often"), stem.Priority(10), stem.Retries(-1), stem.Queue("no queue"), stem.ID("no id")} {
		if _, err := add.Enqueue(t.Context(), app, pair{}, o); !errors.Is(err, runtime.ErrInvalid) {
			t.Errorf("at the call: %v", err)
		}
	}
	unencodable := stem.Define("bad.args", func(context.Context, func()) (int, error) { return 0, nil })
	if _, err := unencodable.Enqueue(t.Context(), app, func() {}); !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("arguments that are no JSON: %v", err)
	}
}

func TestIdempotentAndUnique(t *testing.T) {
	stores(t, func(t *testing.T, url string) {
		app := open(t, url, stem.With(add))
		first, err := add.Enqueue(t.Context(), app, pair{1, 1}, stem.ID("once"), stem.Unique(runtime.UniqueOptions{}))
		if err != nil {
			t.Fatal(err)
		}
		again, err := add.Enqueue(t.Context(), app, pair{1, 1}, stem.ID("once"), stem.Unique(runtime.UniqueOptions{}))
		if err != nil || again.ID != first.ID || again.Duplicate {
			t.Errorf("same id: %+v, %v", again, err)
		}
		twin, err := add.Enqueue(t.Context(), app, pair{1, 1}, stem.Unique(runtime.UniqueOptions{}))
		if err != nil || !twin.Duplicate || twin.ID != first.ID {
			t.Errorf("same arguments: %+v, %v", twin, err)
		}
		other, err := add.Enqueue(t.Context(), app, pair{1, 2}, stem.Unique(runtime.UniqueOptions{}))
		if err != nil || other.Duplicate {
			t.Errorf("other arguments: %+v, %v", other, err)
		}
	})
}

func TestEnqueueManyHasAResultForEach(t *testing.T) {
	app := open(t, "memory:", stem.With(add))
	var rs []runtime.Request
	for i := range 5 {
		r, err := add.Request(pair{i, i})
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	rs[2].ID = "no id"
	results, err := app.EnqueueMany(t.Context(), rs)
	if err != nil || len(results) != 5 {
		t.Fatal(results, err)
	}
	for i, r := range results {
		if want := i != 2; (r.Status == runtime.Accepted) != want {
			t.Errorf("%d: %s %v", i, r.Status, r.Err)
		}
	}
}

func TestEnqueueInTheCallersTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stem.db")
	app := open(t, "sqlite:"+path, stem.With(add))
	db, err := sql.Open("sqlite", path+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	enqueue := func(id string, end func(*sql.Tx) error) {
		t.Helper()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := add.EnqueueTx(t.Context(), app, tx, pair{20, 1}, stem.ID(id)); err != nil {
			t.Fatal(err)
		}
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
	}
	enqueue("rolled-back", (*sql.Tx).Rollback)
	enqueue("committed", (*sql.Tx).Commit)
	if err := app.Wake(t.Context(), "math"); err != nil {
		t.Fatal(err)
	}
	work(t, app)
	if got, err := add.Handle(app, "committed").Wait(t.Context()); err != nil || got != 21 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := app.Record(t.Context(), "rolled-back"); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("rolled back: %v", err)
	}
	if _, err := add.EnqueueTx(t.Context(), app, "not a transaction", pair{}); !errors.Is(err, runtime.ErrUnsupported) {
		t.Errorf("no transaction: %v", err)
	}
}

func TestContextInAHandler(t *testing.T) {
	parent := stem.Define("ctx.parent", func(ctx context.Context, _ struct{}) (string, error) {
		c := stem.FromContext(ctx)
		if err := c.Progress(50, map[string]int{"step": 1}); err != nil {
			return "", err
		}
		c.Logf("child of %s", c.ID())
		child, err := add.Request(pair{1, 2}, stem.ID("child"))
		if err != nil {
			return "", err
		}
		r, err := c.Enqueue(child)
		return r.ID, err
	})
	stores(t, func(t *testing.T, url string) {
		app := open(t, url, stem.With(parent, add))
		work(t, app)
		h, err := parent.Enqueue(t.Context(), app, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Wait(t.Context()); err != nil || got != "child" {
			t.Fatalf("got %q, %v", got, err)
		}
		if got, err := add.Handle(app, "child").Wait(t.Context()); err != nil || got != 3 {
			t.Errorf("child: %d, %v", got, err)
		}
		r, err := h.Record(t.Context())
		if err != nil || r.Percent != 50 || !strings.Contains(string(r.Data), "step") || !strings.Contains(string(r.Body), "child of ") {
			t.Errorf("record %+v %s, %v", r, r.Body, err)
		}
	})
}

func TestLinksFollow(t *testing.T) {
	app := open(t, "memory:", stem.With(add))
	work(t, app)
	next, err := add.Request(pair{5, 5}, stem.ID("next"))
	if err != nil {
		t.Fatal(err)
	}
	sorry, err := add.Request(pair{6, 6}, stem.ID("sorry"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := add.Enqueue(t.Context(), app, pair{1, 1}, stem.Then(next), stem.OnFailure(sorry)); err != nil {
		t.Fatal(err)
	}
	if got, err := add.Handle(app, "next").Wait(t.Context()); err != nil || got != 10 {
		t.Errorf("on success: %d, %v", got, err)
	}
	if _, err := app.Record(t.Context(), "sorry"); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("the link for failure went too: %v", err)
	}
	if _, err := add.Enqueue(t.Context(), app, pair{A: -1}, stem.OnFailure(sorry)); err != nil {
		t.Fatal(err)
	}
	if got, err := add.Handle(app, "sorry").Wait(t.Context()); err != nil || got != 12 {
		t.Errorf("on failure: %d, %v", got, err)
	}
}

func TestFromContextOutsideOfAHandlerPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it did not panic")
		}
	}()
	stem.FromContext(t.Context())
}
