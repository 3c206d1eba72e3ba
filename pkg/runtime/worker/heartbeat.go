package worker

import (
	"cmp"
	"context"
	"os"
	goruntime "runtime"
	"slices"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	beatTTL   = 3 // heartbeats that may be missed before a worker counts as gone
	maxActive = 100
)

// keepBeating tells the store that this worker lives, and what it can do: a
// parked task is released when a worker that knows its name beats.
func (s *shift) keepBeating(ctx context.Context) {
	if s.backend.Heartbeats == nil {
		return
	}
	trouble := s.outage("send heartbeat")
	for {
		h := s.heartbeat()
		err := s.backend.Heartbeats.Beat(ctx, h, beatTTL*s.o.HeartbeatEvery)
		switch {
		case err == nil:
			trouble.over()
			s.signal(runtime.Signal{Name: runtime.SignalHeartbeat})
		case ctx.Err() == nil:
			trouble.wait(ctx, err)
		}
		if !s.pause(ctx, loopBeats, s.o.HeartbeatEvery) {
			return
		}
	}
}

// leave takes the worker off the list; one that crashes stays until its last
// heartbeat is too old.
func (s *shift) leave() {
	if s.backend.Heartbeats == nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.handler, time.Second)
	defer cancel()
	if err := s.backend.Heartbeats.Leave(ctx, s.me); err != nil {
		s.log.Warn("worker stays on the list until its heartbeat is too old", "error", err)
	}
}

// heartbeat describes the worker at this moment.
func (s *shift) heartbeat() runtime.Heartbeat {
	host, _ := os.Hostname()
	var mem goruntime.MemStats
	goruntime.ReadMemStats(&mem)
	h := runtime.Heartbeat{
		WorkerID: s.me.Worker, Incarnation: s.me.Incarnation,
		Timestamp: s.o.Clock.Now(), Version: "1", Build: s.o.Build,
		Host: host, PID: os.Getpid(), StartedAt: s.since, State: "running",
		Concurrency: s.o.Concurrency, Queues: s.queueNames(), Tasks: s.o.Registry.Names(), Paused: s.pauses.names(),
		Rates:     s.stats.rates.perSecond(time.Now()),
		Succeeded: s.stats.succeeded.Load(), Failed: s.stats.failed.Load(),
		Retried: s.stats.retried.Load(), LeaseLost: s.stats.leaseLost.Load(),
		MemoryBytes: int64(mem.Sys - mem.HeapReleased),
	}
	if s.draining() != 0 {
		h.State = "draining"
	}
	if at := s.stats.renewed.Load(); at != 0 {
		h.LastRenewal = time.Unix(0, at).UTC()
	}
	s.describe(&h)
	return h
}

// describe fills in what runs and what is stuck.
func (s *shift) describe(h *runtime.Heartbeat) {
	active, stuck, held, prefetch := s.slots.snapshot()
	h.Inflight, h.Prefetch = held, prefetch
	h.Active = longestFirst(active)
	if len(stuck) == 0 {
		return
	}
	ids := map[string]bool{}
	for id := range stuck {
		ids[id] = true
	}
	found := stacks(ids)
	for id, t := range stuck {
		t.Stack = found[id]
		h.Stuck = append(h.Stuck, t)
	}
	h.Stuck = longestFirst(h.Stuck)
}

func longestFirst(ts []runtime.ActiveTask) []runtime.ActiveTask {
	slices.SortFunc(ts, func(a, b runtime.ActiveTask) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	return ts[:min(len(ts), maxActive)]
}

func (s *shift) queueNames() []string {
	names := make([]string, len(s.o.Queues))
	for i, q := range s.o.Queues {
		names[i] = q.Queue
	}
	return names
}
