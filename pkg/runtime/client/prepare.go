package client

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Prepare makes of a request what a store takes: options merged, id minted,
// arguments encoded, links prepared. It claims nothing and talks to nobody.
//
//   - Options: the call's over the definition's over Options.Defaults over
//     runtime.DefaultOptions. What the call sets travels with the task, so that
//     its worker obeys it; see [Effective].
//   - Expires counts from when the task is due.
//   - Inside a handler the task becomes a child: it inherits the trace and
//     tenant headers and the user's own, and records its parent and root.
//     Nothing else is handed down.
//   - Errors: ErrInvalid, *codec.UnknownError; each names the task.
func (c *Client) Prepare(ctx context.Context, r runtime.Request) (runtime.Publication, error) {
	links := 0
	return c.prepare(r, parentOf(ctx), &links)
}

// draft is a publication in the making.
type draft struct {
	client *Client
	r      runtime.Request
	def    *runtime.Definition // nil: not known here
	o      runtime.TaskOptions // all layers merged
	from   *parent
	links  *int // links prepared so far, nested ones included
	runtime.Publication
}

func (c *Client) prepare(r runtime.Request, from *parent, links *int) (runtime.Publication, error) {
	d := draft{client: c, r: r, def: c.o.Registry.Lookup(r.Name), from: from, links: links}
	if d.def == nil && r.Declared != nil {
		d.def = &runtime.Definition{Name: r.Name, Options: *r.Declared}
	}
	if err := d.complete(); err != nil {
		return runtime.Publication{}, fmt.Errorf("enqueue %q: %w", r.Name, err)
	}
	return d.Publication, nil
}

// complete takes the draft through all steps. Their order matters: a unique key
// wants the tenant header, and links inherit from the finished envelope. (Spelled
// out because a loop over them would put every draft on the heap.)
func (d *draft) complete() error {
	if err := d.merge(); err != nil {
		return err
	}
	if err := d.setID(); err != nil {
		return err
	}
	if err := d.setHeaders(); err != nil {
		return err
	}
	if err := d.setUnique(); err != nil {
		return err
	}
	if err := d.setArgs(); err != nil {
		return err
	}
	if err := d.setTimes(); err != nil {
		return err
	}
	if err := d.setMeta(); err != nil {
		return err
	}
	if err := d.setOptions(); err != nil {
		return err
	}
	if err := d.setLineage(); err != nil {
		return err
	}
	if err := d.setLinks(); err != nil {
		return err
	}
	return d.checkSize()
}

// merge fills in the effective options and the envelope's fields that follow
// from them alone.
func (d *draft) merge() error {
	c := d.client
	if c.baseErr != nil {
		return c.baseErr
	}
	if err := runtime.CheckName("task name", d.r.Name); err != nil {
		return err
	}
	if err := d.r.Options.Validate(); err != nil {
		return err
	}
	var def runtime.TaskOptions
	if d.def != nil {
		def = d.def.Options
	}
	d.o = d.r.Options.Over(def).Over(c.base)
	d.Envelope = &runtime.Envelope{
		Name:              d.r.Name,
		EnqueuedAt:        c.o.Clock.Now(),
		Priority:          *d.o.Priority,
		MaxRetries:        maxRetries(d.r.Options, def, c.base),
		VisibilityTimeout: *d.o.VisibilityTimeout,
		Queue:             *d.o.Queue,
	}
	d.MaxDepth = max(0, c.o.MaxQueueDepth[d.Envelope.Queue])
	return nil
}

// setID mints ids that sort by time, also within a millisecond.
func (d *draft) setID() error {
	d.Envelope.ID = d.r.ID
	if d.r.ID != "" {
		return runtime.CheckID("task id", d.r.ID)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("mint id: %w", err)
	}
	d.Envelope.ID = id.String()
	return nil
}

// setTimes decides when the task is due and when it is too late.
func (d *draft) setTimes() error {
	if d.r.Delay < 0 {
		return &runtime.Error{Code: runtime.CodeInvalid, Message: fmt.Sprintf("delay %s is negative", d.r.Delay), Hint: "leave it out to run the task at once"}
	}
	due := d.Envelope.EnqueuedAt
	switch {
	case !d.r.At.IsZero():
		due = d.r.At.UTC()
	case d.r.Delay > 0:
		due = due.Add(d.r.Delay)
	}
	if due.Year() < 1 || due.Year() > 9000 {
		return runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("due time is in the year %d", due.Year()))
	}
	if due.After(d.Envelope.EnqueuedAt) {
		d.Envelope.NotBefore, d.NotBefore = due, due
	} else {
		due = d.Envelope.EnqueuedAt
	}
	if *d.o.Expires > 0 {
		d.ExpiresAt = due.Add(*d.o.Expires)
		return d.Envelope.SetMeta(runtime.MetaExpiresAt, d.ExpiresAt.Format(time.RFC3339Nano))
	}
	return nil
}

// checkSize bounds what is not arguments. Nothing else is left to check: what
// Publication.Validate asks for has been seen to by the steps before.
func (d *draft) checkSize() error {
	size := 0
	for k, v := range d.Envelope.Headers {
		size += len(k) + len(v)
	}
	for k, v := range d.Envelope.Meta {
		size += len(k) + len(v)
	}
	if limit := d.client.o.MaxArgsBytes; size > limit {
		return tooLarge("headers, meta and links", size, limit)
	}
	return nil
}

func tooLarge(what string, size, limit int) error {
	return &runtime.Error{
		Code:    runtime.CodeInvalid,
		Message: fmt.Sprintf("%s are %d bytes; the limit is %d", what, size, limit),
		Hint:    "store the data elsewhere and pass a reference, or raise the client's limit",
	}
}
