package runtime

import (
	"fmt"
	"sort"
	"sync"
)

// Definition is a task that can be run: its name, how, and with which options.
//
//   - Kind tells people what runs it: "go", "exec" or "http".
//   - Source tells where it was declared ("stem.yaml:12", "main.go:40").
type Definition struct {
	Name        string
	Kind        string
	Description string
	Tags        []string
	Idempotent  bool
	Source      string
	Options     TaskOptions
	Run         HandlerFunc
}

// Registry holds the tasks a worker can run and a producer knows the options
// of. The zero value is empty and ready.
//
//   - Concurrency: safe for use by many goroutines.
type Registry struct {
	mu   sync.RWMutex
	defs map[string]*Definition
}

// NewRegistry returns a registry of the given definitions.
//
//   - Errors: as Add.
func NewRegistry(defs ...Definition) (*Registry, error) {
	r := &Registry{}
	return r, r.Add(defs...)
}

// Add registers definitions, all or none.
//
//   - Errors: ErrInvalid for a bad name or option or a missing Run, ErrExists for
//     a name that is taken.
func (r *Registry) Add(defs ...Definition) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	added := map[string]*Definition{}
	for _, d := range defs {
		if err := CheckName("task name", d.Name); err != nil {
			return err
		}
		if d.Run == nil {
			return Errorf(CodeInvalid, "task "+d.Name+" has no handler")
		}
		if err := d.Options.Validate(); err != nil {
			return fmt.Errorf("task %s: %w", d.Name, err)
		}
		if other := r.defs[d.Name]; other != nil || added[d.Name] != nil {
			return &Error{Code: CodeExists, Message: "task " + d.Name + " is registered twice", Hint: "rename one of them"}
		}
		added[d.Name] = &d
	}
	if r.defs == nil {
		r.defs = make(map[string]*Definition, len(added))
	}
	for name, d := range added {
		r.defs[name] = d
	}
	return nil
}

// Lookup returns the definition of a name, or nil.
func (r *Registry) Lookup(name string) *Definition {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.defs[name]
}

// Names returns the registered names, sorted.
func (r *Registry) Names() []string {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	names := make([]string, 0, len(r.defs))
	for name := range r.defs {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
