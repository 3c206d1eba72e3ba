package main

import (
	"encoding/json"
	"errors"
	"sync"
)

// rawWorker is a pool of goroutines fed by the writer. Its counters belong to the writer.
type rawWorker struct {
	slots int
	held  int  // claimed and not settled
	more  bool // the last claim was filled, or tasks came since: claim again

	tasks  chan rawRow
	pool   sync.WaitGroup
	mu     sync.Mutex
	failed error
}

func startRawWorker(concurrency int, handle Handler, done chan<- rawRow) *rawWorker {
	w := &rawWorker{slots: concurrency, more: true, tasks: make(chan rawRow, concurrency+rawPrefetch)}
	for range concurrency {
		w.pool.Go(func() {
			for row := range w.tasks {
				var err error
				if row.text, err = runRaw(row.text, handle); err != nil {
					w.fail(err)
				}
				done <- row
			}
		})
	}
	return w
}

func runRaw(body string, handle Handler) (string, error) {
	var p Payload
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		return "", err
	}
	return padded(handle(p), rawFinishedBytes)
}

// room is how many tasks to claim: none until half of a batch is free, so that claims stay large.
func (w *rawWorker) room() int {
	room := w.slots + rawPrefetch - w.held
	if room < rawPrefetch/2 {
		return 0
	}
	return room
}

func (w *rawWorker) settled(n int) { w.held -= n }

func (w *rawWorker) hand(claimed []rawRow, asked int) {
	w.held += len(claimed)
	w.more = len(claimed) == asked
	for _, row := range claimed {
		w.tasks <- row
	}
}

// finish waits until the pool has run what it was handed.
func (w *rawWorker) finish() {
	close(w.tasks)
	w.pool.Wait()
}

func (w *rawWorker) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = errors.Join(w.failed, err)
}

func (w *rawWorker) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}
