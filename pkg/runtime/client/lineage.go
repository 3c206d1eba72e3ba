package client

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// parent is all that a task hands down to its children and links: its headers
// (those on the allow-list) and who it is.
type parent struct {
	id, root string
	attempt  int // -1: not known yet
	headers  map[string]string
}

// parentOf returns the task that runs in ctx as a parent, or nil.
func parentOf(ctx context.Context) *parent {
	t := runtime.TaskFrom(ctx)
	if t == nil {
		return nil
	}
	p := &parent{id: t.ID, root: t.ID, attempt: t.Attempt, headers: t.Headers}
	var root string
	if raw, ok := t.Meta[runtime.MetaRootID]; ok && json.Unmarshal(raw, &root) == nil && root != "" {
		p.root = root
	}
	return p
}

// parentOfLinks makes the task itself the parent of its links.
func (d *draft) parentOfLinks() *parent {
	p := &parent{id: d.Envelope.ID, root: d.Envelope.ID, attempt: -1, headers: d.Envelope.Headers}
	if d.from != nil && !d.r.NoParent {
		p.root = d.from.root
	}
	return p
}

// hand adds what children inherit to their own headers, which win: trace,
// tenant and whatever the user named. What is stem's own (group, chain, replay,
// encoder) belongs to the parent alone.
func (p *parent) hand(own map[string]string) map[string]string {
	if p == nil {
		return own
	}
	for k, v := range p.headers {
		if strings.HasPrefix(k, stemHeader) {
			continue
		}
		if _, set := own[k]; set {
			continue
		}
		if own == nil {
			own = make(map[string]string, len(p.headers))
		}
		own[k] = v
	}
	return own
}

// setLineage records where the task comes from.
func (d *draft) setLineage() error {
	if d.from == nil || d.r.NoParent {
		return nil
	}
	if err := d.Envelope.SetMeta(runtime.MetaParentID, d.from.id); err != nil {
		return err
	}
	if d.from.attempt >= 0 {
		if err := d.Envelope.SetMeta(runtime.MetaParentTry, d.from.attempt); err != nil {
			return err
		}
	}
	return d.Envelope.SetMeta(runtime.MetaRootID, d.from.root)
}
