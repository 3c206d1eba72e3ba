package client

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// maxLinks bounds the links of one request, nested ones included. A slice that
// contains itself would otherwise never end.
const maxLinks = 1000

// setLinks prepares what follows the task and puts it into meta, with ids that
// are fixed from now on: a step that is repeated publishes the same tasks.
func (d *draft) setLinks() error {
	if err := d.attach(runtime.MetaLink, d.r.Link); err != nil {
		return err
	}
	return d.attach(runtime.MetaLinkError, d.r.LinkError)
}

func (d *draft) attach(key string, rs []runtime.Request) error {
	if len(rs) == 0 {
		return nil
	}
	if *d.links += len(rs); *d.links > maxLinks {
		return &runtime.Error{Code: runtime.CodeInvalid, Message: "task has more than 1000 links", Hint: "enqueue the rest from a handler"}
	}
	ps := make([]runtime.Publication, len(rs))
	for i, r := range rs {
		p, err := d.client.prepare(r, d.parentOfLinks(), d.links)
		if err != nil {
			return err
		}
		if err := untime(&p, r); err != nil {
			return err
		}
		ps[i] = p
	}
	return d.Envelope.SetMeta(key, ps)
}

// untime takes back the times of a link that count from an end which nobody
// knows yet, and leaves word of them for [Links].
func untime(p *runtime.Publication, r runtime.Request) error {
	if !p.ExpiresAt.IsZero() {
		due := p.Envelope.EnqueuedAt
		if !p.NotBefore.IsZero() {
			due = p.NotBefore
		}
		ms, _ := toMillis(p.ExpiresAt.Sub(due))
		if err := p.Envelope.SetMeta(runtime.MetaLinkExpires, ms); err != nil {
			return err
		}
		p.ExpiresAt = time.Time{}
		delete(p.Envelope.Meta, runtime.MetaExpiresAt)
	}
	if r.At.IsZero() && r.Delay > 0 {
		ms, _ := toMillis(r.Delay)
		p.NotBefore, p.Envelope.NotBefore = time.Time{}, time.Time{}
		return p.Envelope.SetMeta(runtime.MetaLinkDelay, ms)
	}
	return nil
}

// Links returns what follows a task that ended at now: key is runtime.MetaLink
// after success, runtime.MetaLinkError after the final failure. It is what the
// worker adds to the settlement's effects.
//
//   - Errors: ErrCorrupt when the envelope's meta cannot be read.
func Links(e *runtime.Envelope, key string, now time.Time) ([]runtime.Publication, error) {
	var ps []runtime.Publication
	if _, err := e.MetaValue(key, &ps); err != nil {
		return nil, err
	}
	for i := range ps {
		if err := retime(&ps[i], now); err != nil {
			return nil, err
		}
	}
	return ps, nil
}

// retime makes the relative times of a link absolute.
func retime(p *runtime.Publication, now time.Time) error {
	if p.Envelope == nil {
		return runtime.Errorf(runtime.CodeCorrupt, "decode link: it has no envelope")
	}
	var delay, expires int64
	if _, err := p.Envelope.MetaValue(runtime.MetaLinkDelay, &delay); err != nil {
		return err
	}
	if _, err := p.Envelope.MetaValue(runtime.MetaLinkExpires, &expires); err != nil {
		return err
	}
	if delay > 0 {
		p.NotBefore = now.Add(time.Duration(delay) * time.Millisecond)
	}
	if expires > 0 {
		due := now
		if p.NotBefore.After(now) {
			due = p.NotBefore
		}
		p.ExpiresAt = due.Add(time.Duration(expires) * time.Millisecond)
	}
	return nil
}
