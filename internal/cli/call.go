package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// call is a request to enqueue as a person writes it: the flags of enqueue, and
// one line of enqueue --stdin. Empty fields keep the task's own settings.
type call struct {
	Task       string            `json:"task"`
	Args       json.RawMessage   `json:"args"`
	ID         string            `json:"id"`
	Queue      string            `json:"queue"`
	Priority   looseText         `json:"priority"`
	Retries    looseText         `json:"retries"`
	Delay      string            `json:"delay"`
	At         string            `json:"at"`
	Expires    string            `json:"expires"`
	SoftLimit  string            `json:"softLimit"`
	HardLimit  string            `json:"hardLimit"`
	UniqueKey  string            `json:"uniqueKey"`
	UniqueFor  string            `json:"uniqueFor"`
	Keep       string            `json:"keep"`
	Encoding   string            `json:"encoding"`
	Headers    map[string]string `json:"headers"`
	Meta       map[string]any    `json:"meta"`
	IgnoreBody bool              `json:"ignoreResult"`
	Then       []call            `json:"then"`
	OnFailure  []call            `json:"onFailure"`
}

// looseText is text that may be written as a JSON number.
type looseText string

func (t *looseText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*t = looseText(n)
	return nil
}

// request turns the text into a request.
func (c call) request() (runtime.Request, error) {
	if c.Task == "" {
		return runtime.Request{}, usagef(`write it like {"task": "mail.send", "args": {}}`, "no task is named")
	}
	r := runtime.Request{ID: c.ID, Name: c.Task, Args: c.Args, Headers: c.Headers, Meta: c.Meta}
	p := callParser{}
	o := &r.Options
	if c.Queue != "" {
		o.Queue = &c.Queue
	}
	if c.Encoding != "" {
		o.Encoding = &c.Encoding
	}
	if c.IgnoreBody {
		o.IgnoreResult = new(true)
	}
	p.number("priority", string(c.Priority), &o.Priority)
	p.number("retries", string(c.Retries), &o.MaxRetries)
	p.duration("expires", c.Expires, &o.Expires)
	p.duration("soft-limit", c.SoftLimit, &o.SoftLimit)
	p.duration("hard-limit", c.HardLimit, &o.HardLimit)
	p.duration("keep", c.Keep, &o.KeepResult)
	p.unique(c, o)
	p.due(c, &r)
	r.Link = p.links(c.Then)
	r.LinkError = p.links(c.OnFailure)
	if p.err != nil {
		return runtime.Request{}, p.err
	}
	return r, nil
}

// callParser keeps the first mistake.
type callParser struct{ err error }

func (p *callParser) fail(name string, err error) {
	if err != nil && p.err == nil {
		p.err = usagef(runtime.HintOf(err), "%s: %w", name, err)
	}
}

func (p *callParser) number(name, text string, target **int) {
	if text == "" {
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		err = fmt.Errorf("%q is not a whole number", text)
	}
	*target = &n
	p.fail(name, err)
}

func (p *callParser) duration(name, text string, target **time.Duration) {
	if text == "" {
		return
	}
	d, err := runtime.ParseDuration(text)
	*target = &d
	p.fail(name, err)
}

func (p *callParser) unique(c call, o *runtime.TaskOptions) {
	if c.UniqueKey == "" && c.UniqueFor == "" {
		return
	}
	var hold *time.Duration
	p.duration("unique-for", c.UniqueFor, &hold)
	o.Unique = &runtime.UniqueOptions{Key: c.UniqueKey, For: runtime.Value(hold)}
}

func (p *callParser) due(c call, r *runtime.Request) {
	if c.Delay != "" && c.At != "" {
		p.fail("delay", fmt.Errorf("delay and at exclude each other"))
	}
	var delay *time.Duration
	p.duration("delay", c.Delay, &delay)
	r.Delay = runtime.Value(delay)
	if c.At != "" {
		at, err := time.Parse(time.RFC3339Nano, c.At)
		if err != nil {
			err = fmt.Errorf("bad time %q: write it like 2026-01-31T12:00:00Z", c.At)
		}
		r.At = at
		p.fail("at", err)
	}
}

func (p *callParser) links(calls []call) []runtime.Request {
	var out []runtime.Request
	for _, c := range calls {
		r, err := c.request()
		p.fail("link "+c.Task, err)
		out = append(out, r)
	}
	return out
}
