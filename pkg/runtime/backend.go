package runtime

import (
	"context"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

// Backend is an open store: a struct of ports, so that a fake needs only the
// port under test and roles may come from different stores.
//
// A nil port means that the store has no such role; Open refuses one that lacks
// a role that it was asked for. Tx is an ability: nil where the store has no
// transactions to share.
type Backend struct {
	Broker      Broker
	Queues      Queues
	DeadLetters DeadLetters
	Results     Results
	Heartbeats  Heartbeats
	Bus         Bus
	Locks       Locks
	Limits      Limits
	Directives  Directives
	Audits      Audits
	Tx          TxPublisher

	Info      StoreInfo
	CloseFunc func() error
}

// StoreInfo describes an open store for people.
type StoreInfo struct {
	Driver  string // "sqlite"
	URL     string // without secrets
	Version string // of the server or library
	Schema  int    // of stem's records in it
	Created bool   // this Open created it
	Shared  bool   // other processes can open it too
}

// Close frees what the store holds in this process. It is idempotent; calls in
// progress end with ErrUnavailable.
func (b *Backend) Close() error {
	if b == nil || b.CloseFunc == nil {
		return nil
	}
	return b.CloseFunc()
}

// OpenOptions are the settings of Open that do not belong into a URL.
//
//   - Clock replaces the store's own clock, for tests. Production leaves it nil.
//   - ReadOnly refuses to create or change the store's schema.
//   - MustExist refuses to create the store, and may upgrade it.
type OpenOptions struct {
	Clock     Clock
	ReadOnly  bool
	MustExist bool
}

// Driver opens stores of one kind.
type Driver interface {
	// Schemes are the URL schemes it answers to, the first being its name.
	Schemes() []string

	// Open connects to the store and makes it ready, creating or upgrading its
	// schema where needed.
	//
	//   - Errors: ErrInvalid (the URL), ErrUnavailable, ErrDenied, ErrCorrupt,
	//     ErrIncompatible (newer schema); each with a hint.
	Open(ctx context.Context, storeURL string, o OpenOptions) (*Backend, error)
}

var drivers struct {
	sync.RWMutex
	byScheme map[string]Driver
}

// Register makes a driver known to Open, as database/sql does: importing the
// driver's package is enough. It panics when a scheme is taken, because that is
// a mistake in the program.
func Register(d Driver) {
	drivers.Lock()
	defer drivers.Unlock()
	if drivers.byScheme == nil {
		drivers.byScheme = map[string]Driver{}
	}
	for _, s := range d.Schemes() {
		if _, taken := drivers.byScheme[s]; taken {
			panic("stem: driver scheme registered twice: " + s)
		}
		drivers.byScheme[s] = d
	}
}

// Drivers lists the registered schemes, sorted.
func Drivers() []string {
	drivers.RLock()
	defer drivers.RUnlock()
	var out []string
	for s := range drivers.byScheme {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

// Open opens the store behind a URL such as "memory:", "sqlite:///srv/stem.db"
// or, as a short form of the latter, a path that ends in .db.
//
//   - Errors: ErrUnsupported for a scheme without a driver, naming those there
//     are; what the driver says.
func Open(ctx context.Context, storeURL string, o OpenOptions) (*Backend, error) {
	scheme, _, found := strings.Cut(storeURL, ":")
	if !found && filepath.Ext(storeURL) == ".db" {
		scheme, storeURL = "sqlite", "sqlite:"+storeURL
	}
	drivers.RLock()
	d := drivers.byScheme[strings.ToLower(scheme)]
	drivers.RUnlock()
	if d == nil {
		return nil, &Error{
			Code:    CodeUnsupported,
			Message: fmt.Sprintf("cannot open store %s: no driver for %q", MaskURL(storeURL), scheme),
			Hint:    "this build has: " + strings.Join(Drivers(), ", ") + "; a Go program links a driver by importing its package, such as .../pkg/runtime/driver/sqlite",
		}
	}
	return d.Open(ctx, storeURL, o)
}
