package memory

import (
	"context"
	"encoding/json"
	"sort"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// beat is the latest heartbeat of one worker, encoded.
type beat struct {
	incarnation string
	until       time.Time
	raw         []byte
}

// Beat stores the worker's latest heartbeat.
func (p heartbeats) Beat(ctx context.Context, h runtime.Heartbeat, ttl time.Duration) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return &runtime.Error{Code: runtime.CodeInvalid, Message: "encode heartbeat of " + h.WorkerID, Err: err}
	}
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	p.forgetSilent()
	p.beats[h.WorkerID] = beat{incarnation: h.Incarnation, until: p.now.Add(ttl), raw: raw}
	return nil
}

// List returns the live workers in the order of their ids.
func (p heartbeats) List(ctx context.Context) ([]runtime.Heartbeat, error) {
	raws, err := p.live(ctx)
	if err != nil {
		return nil, err
	}
	var out []runtime.Heartbeat
	for _, raw := range raws {
		var h runtime.Heartbeat
		if err := json.Unmarshal(raw, &h); err != nil {
			return nil, &runtime.Error{Code: runtime.CodeCorrupt, Message: "decode heartbeat", Err: err}
		}
		out = append(out, h)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].WorkerID < out[j].WorkerID })
	return out, nil
}

func (p heartbeats) live(ctx context.Context) ([][]byte, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	p.forgetSilent()
	var raws [][]byte
	for _, b := range p.beats {
		raws = append(raws, b.raw)
	}
	return raws, nil
}

func (s *store) forgetSilent() {
	for id, b := range s.beats {
		if passed(b.until, s.now) {
			delete(s.beats, id)
		}
	}
}

// Leave removes a worker that stops, unless a newer start of it has taken over.
func (p heartbeats) Leave(ctx context.Context, c runtime.Consumer) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.exit()
	if p.beats[c.Worker].incarnation == c.Incarnation {
		delete(p.beats, c.Worker)
	}
	return nil
}
