package config

import (
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Config is everything stem.yaml, STEM_* and flags say, with the defaults
// filled in. It is plain data: nothing has been opened or started.
//
//   - Store is the URL of the store, with its secrets; print it with
//     runtime.MaskURL. Relative paths in it have been resolved.
//   - Defaults are the options of every task that does not set its own.
//   - Tasks are those of all files, ordered by name; see [Config.Options] for
//     what applies to one.
type Config struct {
	Store    string
	Worker   Worker
	Log      Log
	Defaults runtime.TaskOptions
	Queues   map[string]Queue
	Tasks    []Task

	// Warnings are what is not wrong but hardly meant, such as a variable that
	// differs from a known one by a letter.
	Warnings []string

	files   []string
	entries map[string]Entry
}

// Worker is how a worker of this configuration runs.
//
//   - Name is how operators know it; "" is host, process id and a random number.
//   - Queues are served in strict order, or shared by Weight when any is set.
//   - Prefetch is how many tasks are held beyond those that run; 0 adapts,
//     negative is none (as in worker.Options).
//   - Lease is how long a worker may be silent before its tasks go to others.
//   - SoftGrace is what a soft shutdown leaves handlers to return.
//   - MaxLosses is how many workers a task may take down before it is a dead
//     letter. MaxResult bounds a result in bytes.
type Worker struct {
	Name        string
	Queues      []runtime.QueueShare
	Concurrency int
	Prefetch    int
	Lease       time.Duration
	SoftGrace   time.Duration
	Heartbeat   time.Duration
	MaxLosses   int
	MaxResult   int64

	multiplier int
}

// Log is how stem logs: Level is debug, info, warn or error, Format text or
// json.
type Log struct {
	Level  string
	Format string
}

// Queue holds the settings of one queue. MaxDepth bounds its unfinished tasks;
// 0 is unbounded.
type Queue struct {
	MaxDepth int
}

// Task is a declared task. Exactly one of Exec and HTTP is set. Source is where
// it stands: "/srv/stem.yaml:12".
type Task struct {
	Name        string
	Description string
	Tags        []string
	Idempotent  bool
	Options     runtime.TaskOptions
	Exec        *ExecTask
	HTTP        *HTTPTask
	Source      string
}

// ExecTask is a task that runs a program; the fields are those of
// handler.ExecSpec. Zero fields take the runner's defaults. Dir is absolute.
type ExecTask struct {
	Command        []string
	Dir            string
	Env            map[string]string
	EnvPass        []string
	Result         string
	RetryCodes     []int
	PermanentCodes []int
	MaxOutput      int64
	Grace          time.Duration
	SoftSignal     string
}

// HTTPTask is a task that calls a URL; the fields are those of
// handler.HTTPSpec. Zero fields take the runner's defaults.
type HTTPTask struct {
	Method         string
	URL            string
	Headers        map[string]string
	Body           *string
	Timeout        time.Duration
	Success        []int
	Retry          []int
	MaxBody        int64
	Follow         int
	AllowAddresses []string
}

// Options returns the options of a task with the gaps filled from Defaults.
func (c *Config) Options(t Task) runtime.TaskOptions { return t.Options.Over(c.Defaults) }

// Path returns the file the configuration was read from, or "" when there is
// none.
func (c *Config) Path() string {
	if len(c.files) == 0 {
		return ""
	}
	return c.files[0]
}

// Files returns every file that was read, included ones after the file that
// includes them.
func (c *Config) Files() []string { return c.files }

// Show returns every setting with its effective value, masked where it may be
// a secret, and its origin: the fixed settings in the order of the reference,
// then queues and tasks as far as they are set, by name.
func (c *Config) Show() []Entry { return c.show() }

// Origin returns where the value of a key comes from.
func (c *Config) Origin(key string) Origin { return c.entries[key].Origin }
