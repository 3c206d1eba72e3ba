package drivertest

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func lacksBroker(b *runtime.Backend) string {
	if b.Broker == nil {
		return "Broker"
	}
	return ""
}

var publishCases = []testCase{
	{"01_AcceptedTaskIsDelivered", func(e *env) {
		p := runtime.Publication{Envelope: &runtime.Envelope{ID: "a", Name: "demo.add", Queue: "default", EnqueuedAt: e.clock.Now()}}
		rs, err := e.Broker.Publish(e.ctx, &runtime.Effects{Publish: []runtime.Publication{p}})
		if err != nil || len(rs) != 1 || rs[0].Status != runtime.Accepted || rs[0].ID != "a" {
			e.Fatalf("publish: %+v, %v; want a accepted", rs, err)
		}
		ds, err := e.Broker.Receive(e.ctx, runtime.Receive{
			Consumer: runtime.Consumer{Worker: "w1", Incarnation: "1"},
			Queues:   []runtime.QueueShare{{Queue: "default"}}, Max: 10, Lease: time.Minute,
		})
		if err != nil || len(ds) != 1 || ds[0].Lease.TaskID != "a" {
			e.Fatalf("receive: %+v, %v; want a", ds, err)
		}
	}},
}

func (e *env) checkBooks() {}
