package sqlite

import (
	"context"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Put stores directives; the newest for a subject replaces the older.
func (p directives) Put(ctx context.Context, ds []runtime.Directive) ([]runtime.Directive, error) {
	for _, d := range ds {
		if d.Kind == "" || d.Subject == "" {
			return nil, runtime.Errorf(runtime.CodeInvalid, "directive has no kind or no subject")
		}
	}
	return write(ctx, p.store, "store directives", func(s *step) ([]runtime.Directive, error) {
		out := make([]runtime.Directive, len(ds))
		for i, d := range ds {
			if d.At.IsZero() {
				d.At = fromMicros(s.now)
			}
			if err := s.direct(&d); err != nil {
				return nil, err
			}
			out[i] = d
		}
		return out, nil
	})
}

func (s *step) direct(d *runtime.Directive) error {
	_, err := one(s, `
INSERT OR REPLACE INTO stem_directives (kind, subject, by, reason, at, expires, lifted) VALUES (?, ?, ?, ?, ?, ?, ?)
RETURNING version`, func(r row) { d.Version = r.int(0) },
		string(d.Kind), d.Subject, d.By, d.Reason, d.At.UnixMicro(), micros(d.Expires), d.Lifted)
	if err != nil || d.Kind != runtime.DirectivePause {
		return err
	}
	action := runtime.AuditPause
	if d.Lifted {
		action = runtime.AuditResume
	}
	return s.audit(action, d.Subject, d.Subject, d.By, d.Reason)
}

// Since returns the directives newer than version, also those that were lifted.
func (p directives) Since(ctx context.Context, version int64) ([]runtime.Directive, error) {
	var out []runtime.Directive
	err := p.read(ctx, "read directives", func(q session) error {
		return q.query(`
SELECT kind, subject, by, reason, at, expires, lifted, version FROM stem_directives WHERE version > ? ORDER BY version`, func(r row) error {
			out = append(out, runtime.Directive{
				Kind: runtime.DirectiveKind(r.str(0)), Subject: r.str(1), By: r.str(2), Reason: r.str(3),
				At: r.time(4), Expires: r.time(5), Lifted: r.bool(6), Version: r.int(7),
			})
			return nil
		}, version)
	})
	return out, err
}

// Prune removes old directives that are lifted or have expired.
func (p directives) Prune(ctx context.Context, max int) (int, error) {
	return write(ctx, p.store, "prune directives", func(s *step) (int, error) {
		n, err := s.exec(pruneDirectives, s.now, max)
		return int(n), err
	})
}
