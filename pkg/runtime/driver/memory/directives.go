package memory

import (
	"context"
	"sort"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

type directiveKey struct {
	kind    runtime.DirectiveKind
	subject string
}

// Put stores directives; the newest for a subject replaces the older.
func (p directives) Put(ctx context.Context, ds []runtime.Directive) ([]runtime.Directive, error) {
	for _, d := range ds {
		if d.Kind == "" || d.Subject == "" {
			return nil, runtime.Errorf(runtime.CodeInvalid, "directive has no kind or no subject")
		}
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	out := make([]runtime.Directive, len(ds))
	for i, d := range ds {
		if d.At.IsZero() {
			d.At = p.now
		}
		p.version++
		d.Version = p.version
		p.inForce[directiveKey{d.Kind, d.Subject}] = d
		p.auditDirective(&d)
		out[i] = d
	}
	return out, nil
}

func (s *store) auditDirective(d *runtime.Directive) {
	if d.Kind != runtime.DirectivePause {
		return
	}
	action := runtime.AuditPause
	if d.Lifted {
		action = runtime.AuditResume
	}
	s.audit(runtime.AuditEntry{Action: action, Subject: d.Subject, Queue: d.Subject, By: d.By, Reason: d.Reason})
}

// Since returns the directives newer than version, also those that were lifted.
func (p directives) Since(ctx context.Context, version int64) ([]runtime.Directive, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.exit()
	var out []runtime.Directive
	for _, d := range p.inForce {
		if d.Version > version {
			out = append(out, d)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Version < out[j].Version })
	return out, nil
}

// Prune removes old directives that are lifted or have expired.
func (p directives) Prune(ctx context.Context, limit int) (int, error) {
	if err := p.enter(ctx); err != nil {
		return 0, err
	}
	defer p.exit()
	return p.prune(limit), nil
}

func (s *store) prune(limit int) int {
	n := 0
	for key, d := range s.inForce {
		over := d.Lifted || !d.Expires.IsZero() && passed(d.Expires, s.now)
		if n == limit || !over || !passed(d.At.Add(24*time.Hour), s.now) {
			continue
		}
		delete(s.inForce, key)
		n++
	}
	return n
}
