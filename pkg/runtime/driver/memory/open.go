package memory

import (
	"context"
	"strings"
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func init() { runtime.Register(Driver{}) }

// Driver opens stores in this process's memory.
//
//   - "memory:" is a new, private store.
//   - "memory://name" is shared by everybody in the process who opens that name;
//     it is gone when the last of them has closed it.
//   - Concurrency: safe for use by many goroutines.
type Driver struct{}

// Schemes returns "memory".
func (Driver) Schemes() []string { return []string{"memory"} }

// Open returns a store.
//
//   - The clock of a shared store is the one of its first Open.
//   - Errors: ErrInvalid (the URL); ErrDenied when ReadOnly is asked of a store
//     that would have to be created; ctx.Err().
func (Driver) Open(ctx context.Context, storeURL string, o runtime.OpenOptions) (*runtime.Backend, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, err := storeName(storeURL)
	if err != nil {
		return nil, err
	}
	st, created := stores.open(name, o)
	if st == nil {
		return nil, runtime.Errorf(runtime.CodeDenied, "open store "+storeURL+" read-only: it does not exist")
	}
	s := &session{store: st, closed: make(chan struct{})}
	b := s.backend()
	b.Info = runtime.StoreInfo{Driver: "memory", URL: storeURL, Schema: 1, Created: created}
	b.CloseFunc = func() error {
		s.once.Do(func() {
			close(s.closed)
			stores.close(name)
		})
		return nil
	}
	return b, nil
}

func storeName(storeURL string) (string, error) {
	_, rest, _ := strings.Cut(storeURL, ":")
	if rest == "" || rest == "//" {
		return "", nil
	}
	name, found := strings.CutPrefix(rest, "//")
	if !found || runtime.CheckID("store name", name) != nil {
		return "", &runtime.Error{
			Code:    runtime.CodeInvalid,
			Message: "open store " + runtime.MaskURL(storeURL) + ": this is no name of a memory store",
			Hint:    "write memory: for a private store or memory://name for a shared one",
		}
	}
	return name, nil
}

// stores are the named stores of this process.
var stores registry

type registry struct {
	sync.Mutex
	byName map[string]*named
}

type named struct {
	store *store
	users int
}

// open returns nil when the store does not exist and o forbids to create it.
func (r *registry) open(name string, o runtime.OpenOptions) (st *store, created bool) {
	r.Lock()
	defer r.Unlock()
	if n := r.byName[name]; name != "" && n != nil {
		n.users++
		return n.store, false
	}
	if o.ReadOnly {
		return nil, false
	}
	st = newStore(o.Clock)
	if name != "" {
		if r.byName == nil {
			r.byName = map[string]*named{}
		}
		r.byName[name] = &named{store: st, users: 1}
	}
	return st, true
}

func (r *registry) close(name string) {
	r.Lock()
	defer r.Unlock()
	n := r.byName[name]
	if n == nil {
		return
	}
	if n.users--; n.users == 0 {
		delete(r.byName, name)
	}
}

// session is one Open of a store: what Close ends.
type session struct {
	*store
	closed chan struct{}
	once   sync.Once
}

// Each port is a type of its own, because several of them have a List.
type (
	broker      struct{ *session }
	queues      struct{ *session }
	deadLetters struct{ *session }
	results     struct{ *session }
	heartbeats  struct{ *session }
	bus         struct{ *session }
	locks       struct{ *session }
	limits      struct{ *session }
	directives  struct{ *session }
	audits      struct{ *session }
)

func (s *session) backend() *runtime.Backend {
	return &runtime.Backend{
		Broker: broker{s}, Queues: queues{s}, DeadLetters: deadLetters{s}, Results: results{s},
		Heartbeats: heartbeats{s}, Bus: bus{s}, Locks: locks{s}, Limits: limits{s},
		Directives: directives{s}, Audits: audits{s},
	}
}

// enter begins a step: it takes the store for the caller alone and sets its
// time. Every successful enter is followed by exit.
func (s *session) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	select {
	case <-s.closed:
		s.mu.Unlock()
		return errClosed()
	default:
	}
	now := s.clock.Now().Round(0) // without the monotonic reading, as it would come back from a disk
	if back := s.now.Sub(now); back > 0 {
		s.setBack(back)
	}
	s.now = now
	return nil
}

func (s *session) exit() { s.mu.Unlock() }

func errClosed() error { return runtime.Errorf(runtime.CodeUnavailable, "the store is closed") }
