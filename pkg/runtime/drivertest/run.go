package drivertest

import (
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Run holds a driver against the suite.
func Run(t *testing.T, h Harness) {
	t.Run("Cases", func(t *testing.T) {
		for _, s := range sections {
			t.Run(s.name, func(t *testing.T) { s.run(t, h) })
		}
	})
	t.Run("Concurrency", func(t *testing.T) { runConcurrency(t, h) })
	t.Run("Property", func(t *testing.T) { runProperty(t, h) })
}

// section is the cases of one port.
type section struct {
	name  string
	cases []testCase
	needs []port
}

// testCase is one promise. Its name begins with its number, which stays when
// other cases go.
type testCase struct {
	name string
	run  func(e *env)
}

var sections = []section{
	{"Backend", backendCases, work},
	{"Publish", publishCases, work},
	{"Receive", receiveCases, work},
	{"Settle", settleCases, work},
	{"Extend", extendCases, work},
	{"Admit", admitCases, append(work, hasLimits)},
	{"Cancel", cancelCases, append(work, hasAudits)},
	{"Recover", recoverCases, work},
	{"Unique", uniqueCases, work},
	{"Groups", groupCases, work},
	{"Queues", queueCases, work},
	{"DeadLetters", deadLetterCases, append(work, hasAudits)},
	{"Results", resultCases, work},
	{"Heartbeats", heartbeatCases, []port{hasHeartbeats}},
	{"Bus", busCases, []port{hasBus, hasBroker}},
	{"Locks", lockCases, []port{hasLocks}},
	{"Limits", limitCases, append(work, hasLimits)},
	{"Directives", directiveCases, []port{hasDirectives, hasBroker}},
	{"Audits", auditCases, []port{hasAudits, hasBroker}},
	{"Tx", txCases, append(work, hasTx)},
}

// port is a role that a store may lack.
type port struct {
	name string
	in   func(*runtime.Backend) bool
}

var (
	hasBroker      = port{"Broker", func(b *runtime.Backend) bool { return b.Broker != nil }}
	hasQueues      = port{"Queues", func(b *runtime.Backend) bool { return b.Queues != nil }}
	hasDeadLetters = port{"DeadLetters", func(b *runtime.Backend) bool { return b.DeadLetters != nil }}
	hasResults     = port{"Results", func(b *runtime.Backend) bool { return b.Results != nil }}
	hasHeartbeats  = port{"Heartbeats", func(b *runtime.Backend) bool { return b.Heartbeats != nil }}
	hasBus         = port{"Bus", func(b *runtime.Backend) bool { return b.Bus != nil }}
	hasLocks       = port{"Locks", func(b *runtime.Backend) bool { return b.Locks != nil }}
	hasLimits      = port{"Limits", func(b *runtime.Backend) bool { return b.Limits != nil }}
	hasDirectives  = port{"Directives", func(b *runtime.Backend) bool { return b.Directives != nil }}
	hasAudits      = port{"Audits", func(b *runtime.Backend) bool { return b.Audits != nil }}
	hasTx          = port{"Tx", func(b *runtime.Backend) bool { return b.Tx != nil }}

	// work is what it takes to publish a task, run it and see what became of it.
	work = []port{hasBroker, hasQueues, hasDeadLetters, hasResults}
)

func (s section) run(t *testing.T, h Harness) {
	b := openStore(t, h.New(t, NewClock().Now))
	for _, p := range s.needs {
		if !p.in(b) {
			t.Skipf("the %s driver has no %s port", h.Name, p.name)
		}
	}
	t.Parallel()
	for _, c := range s.cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, h, NewClock())
			c.run(e)
			e.checkBooks()
		})
	}
}
