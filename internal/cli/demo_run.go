package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/stem-jobs/stem/internal/cli/demo"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

const (
	demoBatch = 500                    // tasks that are enqueued, or read, in one step
	demoLook  = 200                    // tasks that are looked at to see how far the work is
	lookEvery = 250 * time.Millisecond // and how often
)

// demoRun is one run of the demo.
type demoRun struct {
	o      *demoOptions
	place  demoPlace
	opened *stem.App
	tree   string
	dirs   []string
	id     string
	tasks  []string // the ids of this run
}

// main brings tasks into the store, or finds those that wait there, and works
// until they have ended.
func (d *demoRun) main(ctx context.Context) error {
	if d.o.goOn {
		if err := d.findWaiting(ctx); err != nil {
			return err
		}
	} else if err := d.enqueue(ctx); err != nil {
		return err
	}
	if len(d.tasks) == 0 || d.o.dryRun {
		return nil
	}
	return d.work(ctx)
}

// enqueue puts one task a directory into the store. Their ids hold a word of
// this run, so that the next run has others.
func (d *demoRun) enqueue(ctx context.Context) error {
	d.id = strings.ToLower(rand.Text()[:8])
	if err := d.noteEarlier(ctx); err != nil {
		return err
	}
	for start := 0; start < len(d.dirs); start += demoBatch {
		requests, err := d.requests(start, min(start+demoBatch, len(d.dirs)))
		if err != nil {
			return err
		}
		results, err := d.opened.EnqueueMany(ctx, requests)
		for _, r := range results {
			switch {
			case r.Status != runtime.Invalid && r.Status != runtime.Full:
				d.tasks = append(d.tasks, r.ID) // after an error it may be in the store or not; the summary looks
			case err == nil:
				err = r.Err
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *demoRun) requests(from, to int) ([]runtime.Request, error) {
	requests := make([]runtime.Request, 0, to-from)
	for i := from; i < to; i++ {
		args := demo.Args{Root: d.tree, Dir: d.dirs[i], Trouble: demo.TroubleOf(i, len(d.dirs))}
		r, err := demo.Count.Request(args, stem.ID(fmt.Sprintf("demo-%s-%05d", d.id, i)), stem.KeepResult(d.o.keep))
		if err != nil {
			return nil, err
		}
		requests = append(requests, r)
	}
	return requests, nil
}

// noteEarlier tells of tasks that an interrupted run has left: they come first.
func (d *demoRun) noteEarlier(ctx context.Context) error {
	stats, err := d.opened.Backend().Queues.Stats(ctx, []string{demo.Queue})
	if err != nil {
		return err
	}
	for _, s := range stats {
		if n := s.Ready + s.Delayed + s.Waiting + s.Leased; n > 0 {
			d.o.app.hint("%d tasks of an earlier run still wait; they are worked off along the way", n)
		}
	}
	return nil
}

// findWaiting gathers the tasks of earlier runs that have not ended.
func (d *demoRun) findWaiting(ctx context.Context) error {
	q := runtime.TaskQuery{Queue: demo.Queue, Name: demo.Count.Name(), Limit: demoBatch, Places: []runtime.Place{
		runtime.PlaceReady, runtime.PlaceDelayed, runtime.PlaceWaiting, runtime.PlaceParked, runtime.PlaceLeased,
	}}
	for {
		page, next, err := d.opened.Backend().Queues.List(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page {
			d.tasks = append(d.tasks, r.ID)
		}
		if next == "" {
			return nil
		}
		q.Cursor = next
	}
}

// work runs a worker until every task of the run has ended, or ctx ends; then
// running tasks may finish.
func (d *demoRun) work(ctx context.Context) error {
	workCtx, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan error, 1)
	go func() { worked <- d.opened.Work(workCtx) }()
	err := d.watch(ctx, worked)
	if interrupted(err) {
		d.o.app.hint("stopping: what runs may finish; Ctrl-C again ends it at once")
	}
	stop()
	if workErr := <-worked; err == nil {
		err = workErr
	}
	return err
}

// watch follows the tasks in the store, from which alone it knows what became of
// them. worked tells that the worker has given up.
func (d *demoRun) watch(ctx context.Context, worked chan error) error {
	progress := d.o.app.newProgress("counting", int64(len(d.tasks)))
	defer progress.Done(true)
	follow := demoFollow{open: d.tasks, results: d.opened.Backend().Results}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := follow.look(ctx); err != nil {
			return err
		}
		progress.Set(int64(len(d.tasks)-len(follow.open)), follow.note())
		if len(follow.open) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-worked:
			worked <- err
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// demoFollow keeps the tasks that have not ended, in the order in which they
// should.
type demoFollow struct {
	results       runtime.Results
	open          []string
	retried, dead int
}

// look drops from the front what has ended. It reads no more than a page of what
// has not.
func (f *demoFollow) look(ctx context.Context) error {
	for len(f.open) > 0 {
		page := f.open[:min(len(f.open), demoLook)]
		records, err := f.results.Get(ctx, page)
		if err != nil {
			return err
		}
		var still []string
		for i, r := range records {
			if r.State != "" && !r.State.Terminal() {
				still = append(still, page[i])
				continue
			}
			if r.Attempt > 0 {
				f.retried++
			}
			if r.Place == runtime.PlaceDead {
				f.dead++
			}
		}
		f.open = append(still, f.open[len(page):]...)
		if len(still) > 0 {
			return nil
		}
	}
	return nil
}

func (f *demoFollow) note() string {
	return fmt.Sprintf("%d retried, %d dead", f.retried, f.dead)
}
