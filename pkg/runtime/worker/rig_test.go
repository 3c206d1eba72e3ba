package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	"github.com/stem-jobs/stem/pkg/runtime/runtimetest"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a store, a client and whatever workers a test starts on them. Time is
// virtual: a rig lives in a synctest bubble.
type rig struct {
	t      *testing.T
	ctx    context.Context
	store  *runtime.Backend
	faults *runtimetest.Faults
	client *client.Client
	reg    *runtime.Registry
	runs   []*running
}

// stopAll ends what a test that failed has left running.
func (r *rig) stopAll() {
	r.faults.Lift("")
	for _, w := range r.runs {
		_ = w.Drain(context.Background(), runtime.DrainHard)
	}
}

// inBubble runs a test with a rig whose registry holds defs. The store is
// closed, and every goroutine must have ended, when f returns.
func inBubble(t *testing.T, defs []runtime.Definition, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		plain, err := runtime.Open(t.Context(), "memory:", runtime.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		reg, err := runtime.NewRegistry(defs...)
		if err != nil {
			t.Fatal(err)
		}
		store, faults := runtimetest.Inject(plain)
		r := &rig{t: t, ctx: t.Context(), store: store, faults: faults, reg: reg}
		r.client = client.New(plain, client.Options{Registry: reg})
		defer r.stopAll()
		f(r)
	})
}

// running is a worker in its Run.
type running struct {
	*worker.Worker
	r    *rig
	done chan error
}

// start runs a worker; the test must stop it.
func (r *rig) start(change ...func(*worker.Options)) *running {
	r.t.Helper()
	o := worker.Options{Registry: r.reg, Concurrency: 4}
	for _, f := range change {
		f(&o)
	}
	w, err := worker.New(r.store, r.client, o)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.run(w)
}

func (r *rig) run(w *worker.Worker) *running {
	run := &running{Worker: w, r: r, done: make(chan error, 1)}
	go func() { run.done <- w.Run(context.WithoutCancel(r.ctx)) }()
	r.runs = append(r.runs, run)
	synctest.Wait()
	return run
}

// stop drains and waits; it fails the test when the drain takes longer than a
// virtual hour.
func (w *running) stop(mode runtime.DrainMode) {
	w.r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := w.Drain(ctx, mode); err != nil {
		w.r.t.Fatalf("drain %s: %v", mode, err)
	}
	if err := <-w.done; err != nil {
		w.r.t.Fatalf("run: %v", err)
	}
}

// enqueue puts one task into the store and returns its id.
func (r *rig) enqueue(q runtime.Request) string {
	r.t.Helper()
	res, err := r.client.Enqueue(r.ctx, q)
	if err != nil || res.Status != runtime.Accepted {
		r.t.Fatalf("enqueue: %v, %v", res, err)
	}
	return res.ID
}

// enqueueN puts n tasks of a name into the store.
func (r *rig) enqueueN(name string, n int) []string {
	r.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = r.enqueue(runtime.Request{Name: name})
	}
	return ids
}

// get returns the task's record as the store has it now.
func (r *rig) get(id string) runtime.TaskRecord {
	r.t.Helper()
	rs, err := r.store.Results.Get(r.ctx, []string{id})
	if err != nil {
		r.t.Fatal(err)
	}
	return rs[0]
}

// until waits, in virtual time, for cond; it looks often at first.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	step := 10 * time.Millisecond
	for end := time.Now().Add(time.Hour); time.Now().Before(end); step = min(step+step/20, 250*time.Millisecond) {
		synctest.Wait()
		if cond() {
			return
		}
		<-time.After(step)
	}
	r.t.Fatalf("%s: not within a virtual hour", what)
}

// ended waits for the task's end and checks its state.
func (r *rig) ended(id string, want runtime.State) runtime.TaskRecord {
	r.t.Helper()
	r.until("task ends", func() bool { return r.get(id).State.Terminal() })
	got := r.get(id)
	if got.State != want {
		r.t.Fatalf("task %s is %s (%s: %s), want %s", id, got.State, got.Reason, got.Error, want)
	}
	return got
}

// at waits for the task to be in a place.
func (r *rig) at(id string, place runtime.Place) runtime.TaskRecord {
	r.t.Helper()
	r.until("task is "+string(place), func() bool { return r.get(id).Place == place })
	return r.get(id)
}

// body decodes what is stored of the last attempt.
func (r *rig) body(rec runtime.TaskRecord) runtime.Record {
	r.t.Helper()
	body, err := runtime.DecodeRecord(rec.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return body
}

// beat returns the worker's own description of itself.
func (w *running) beat() runtime.Heartbeat {
	w.r.t.Helper()
	raw, handled, err := w.Apply(w.r.ctx, runtime.Command{Type: runtime.CommandStats})
	if err != nil || !handled {
		w.r.t.Fatalf("stats: %v, %v", handled, err)
	}
	var h runtime.Heartbeat
	if err := json.Unmarshal(raw, &h); err != nil {
		w.r.t.Fatal(err)
	}
	return h
}

// stat counts the tasks of the default queue.
func (r *rig) stat() runtime.QueueStat {
	r.t.Helper()
	ss, err := r.store.Queues.Stats(r.ctx, []string{runtime.DefaultQueue})
	if err != nil {
		r.t.Fatal(err)
	}
	return ss[0]
}

// task makes a definition.
func task(name string, run runtime.HandlerFunc, change ...func(*runtime.TaskOptions)) runtime.Definition {
	d := runtime.Definition{Name: name, Run: run}
	for _, f := range change {
		f(&d.Options)
	}
	return d
}

func defs(ds ...runtime.Definition) []runtime.Definition { return ds }

// nap waits for d, or for the end of ctx, and then returns its cause.
func nap(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// echo returns its arguments.
func echo(_ context.Context, t *runtime.Task) (json.RawMessage, error) { return t.Args, nil }

var errBroken = errors.New("broken")

func fails(context.Context, *runtime.Task) (json.RawMessage, error) { return nil, errBroken }

// ran notes which attempts of which tasks have begun.
type ran struct{ names chan string }

func newRan() *ran { return &ran{names: make(chan string, 10_000)} }

func (r *ran) note(id string) { r.names <- id }

func (r *ran) all() []string {
	var out []string
	for {
		select {
		case id := <-r.names:
			out = append(out, id)
		default:
			for _, id := range out {
				r.names <- id
			}
			return out
		}
	}
}

func (r *ran) count(id string) int {
	n := 0
	for _, x := range r.all() {
		if x == id {
			n++
		}
	}
	return n
}

func (r *ran) contains(id string) bool { return slices.Contains(r.all(), id) }

// unset stands for a handler that the test sets with redefine, when it needs
// channels of the bubble.
func unset(context.Context, *runtime.Task) (json.RawMessage, error) {
	return nil, errors.New("no handler was set")
}

// redefine gives a task its handler.
func (r *rig) redefine(name string, run runtime.HandlerFunc) { r.reg.Lookup(name).Run = run }
