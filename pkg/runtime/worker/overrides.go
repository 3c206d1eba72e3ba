package worker

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// overrides are the tasks that an operator has given a limit. One that declares
// none must be admitted all the same, or the order would have no effect. The
// zero value is ready.
type overrides struct {
	names atomic.Pointer[map[string]bool] // nil: none, the common case
}

const taskLimit = "task:" // prefix of the key of a task's own limit

// follow reads the orders.
//
//   - Errors: ErrUnavailable.
func (o *overrides) follow(ctx context.Context, limits runtime.Limits) error {
	if limits == nil {
		return nil
	}
	views, err := limits.View(ctx, taskLimit)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, v := range views {
		if v.Overridden {
			names[strings.TrimPrefix(v.Limit.Key, taskLimit)] = true
		}
	}
	if len(names) == 0 {
		o.names.Store(nil)
		return nil
	}
	o.names.Store(&names)
	return nil
}

// add returns the uses of a task with the one that an operator has ordered; the
// store fills in its numbers.
func (o *overrides) add(us []runtime.LimitUse, name string, failOpen bool) []runtime.LimitUse {
	names := o.names.Load()
	if names == nil || !(*names)[name] {
		return us
	}
	for _, u := range us {
		if u.Key == taskLimit+name {
			return us
		}
	}
	return append(us[:len(us):len(us)], runtime.LimitUse{Key: taskLimit + name, FailOpen: failOpen})
}
