package worker

import (
	"sync"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// known finds the task's definition. A task without one is parked: it waits for
// a worker that knows the name, so that workers with different tasks can share
// a queue without destroying each other's work.
func (s *shift) known(j *job) bool {
	def := s.o.Registry.Lookup(j.Envelope.Name)
	if def != nil {
		j.plan = s.plans.of(def, s.o)
		return true
	}
	if j.decide() {
		s.settle(j, ending{outcome: runtime.Parked, reason: runtime.ReasonUnknown})
	}
	return false
}

// plan is what a worker has worked out about a definition, once for all its
// tasks.
type plan struct {
	def     *runtime.Definition
	options runtime.TaskOptions // all layers
	uses    []runtime.LimitUse
	run     runtime.HandlerFunc // with the execute middleware around it
}

// plans keeps the plan of each definition.
type plans struct{ byDefinition sync.Map }

func (p *plans) of(def *runtime.Definition, o Options) *plan {
	if found, ok := p.byDefinition.Load(def); ok {
		return found.(*plan)
	}
	made := &plan{
		def:     def,
		options: def.Options.Over(o.Defaults).Over(runtime.DefaultOptions()),
		run:     wrapExecute(def.Run, o.Middleware),
	}
	made.uses = usesOf(&runtime.Envelope{Name: def.Name}, &made.options)
	p.byDefinition.Store(def, made)
	return made
}
