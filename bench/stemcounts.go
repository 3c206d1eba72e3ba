package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// stemUnfinished asks the store's own counters.
func stemUnfinished(ctx context.Context, b *runtime.Backend) (int, error) {
	stats, err := b.Queues.Stats(ctx, []string{runtime.DefaultQueue})
	if err != nil || len(stats) == 0 {
		return 0, err
	}
	s := stats[0]
	if s.Dead > 0 {
		return 0, fmt.Errorf("%d tasks are in the dead letters", s.Dead)
	}
	return int(s.Ready + s.Delayed + s.Waiting + s.Parked + s.Leased), nil
}

// stemCounts does not trust the counters for what is finished: it reads every record and its result.
func stemCounts(ctx context.Context, b *runtime.Backend) (Counts, error) {
	unfinished, err := stemUnfinished(ctx, b)
	if err != nil {
		return Counts{}, err
	}
	c := Counts{Unfinished: unfinished}
	query := runtime.TaskQuery{States: []runtime.State{runtime.StateSucceeded}, Limit: 1000}
	for {
		page, next, err := b.Results.List(ctx, query)
		if err != nil {
			return c, err
		}
		if err := checkResults(ctx, b, page); err != nil {
			return c, err
		}
		c.Finished += len(page)
		if next == "" {
			return c, nil
		}
		query.Cursor = next
	}
}

// checkResults reads the stored results of a page of tasks.
func checkResults(ctx context.Context, b *runtime.Backend, page []runtime.TaskRecord) error {
	ids := make([]string, len(page))
	for i, task := range page {
		ids[i] = task.ID
	}
	records, err := b.Results.Get(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range records {
		record, err := runtime.DecodeRecord(r.Body)
		if err != nil {
			return fmt.Errorf("result of task %s: %w", r.ID, err)
		}
		var out Output
		if err := json.Unmarshal(record.Payload, &out); err != nil || out.Chars == 0 {
			return fmt.Errorf("result of task %s is %q", r.ID, record.Payload)
		}
	}
	return nil
}

// countBatches puts a counter between b's broker and its users.
func countBatches(b *runtime.Backend) *batchSizes {
	counted := &countedBroker{Broker: b.Broker}
	b.Broker = counted
	return &counted.sizes
}

// countedBroker counts how many tasks share a call of the port.
type countedBroker struct {
	runtime.Broker
	sizes batchSizes
}

func (c *countedBroker) Publish(ctx context.Context, e *runtime.Effects) ([]runtime.PublishResult, error) {
	c.sizes.add("enqueue", len(e.Publish))
	return c.Broker.Publish(ctx, e)
}

func (c *countedBroker) Receive(ctx context.Context, r runtime.Receive) ([]runtime.Delivery, error) {
	deliveries, err := c.Broker.Receive(ctx, r)
	c.sizes.add("claim", len(deliveries))
	return deliveries, err
}

func (c *countedBroker) Settle(ctx context.Context, who runtime.Consumer, ss []runtime.Settlement) ([]runtime.SettleResult, error) {
	c.sizes.add("settle", len(ss))
	return c.Broker.Settle(ctx, who, ss)
}
