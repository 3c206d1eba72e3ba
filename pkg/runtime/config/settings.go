package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Setting describes one key that has a variable and, where it matters, a flag.
// The first of Env is the key's own; the others are names it had before.
type Setting struct {
	Key     string
	Env     []string
	Flag    string
	Takes   string
	Default string
	Help    string
}

// Settings returns every fixed key in the order of the reference. Queues and
// tasks are not among them: their keys hold names.
func Settings() []Setting {
	out := make([]Setting, 0, len(settingFields))
	for _, f := range settingFields {
		if f.key == shortRetries {
			continue
		}
		out = append(out, Setting{Key: f.key, Env: variables(f.key), Flag: flags[f.key], Takes: f.takes, Default: f.def, Help: f.help})
	}
	return out
}

// settingFields is the one table of fixed keys.
var settingFields = slices.Concat([]field[Config]{
	{"store", "URL or path", "sqlite at .stem/stem.db", "where tasks live; a relative path starts at the file that says it", to(asText, func(c *Config, v string) { c.Store = v })},
},
	lift("worker.", workerFields, func(c *Config) *Worker { return &c.Worker }),
	lift("log.", []field[Log]{
		{"level", "debug, info, warn or error", "info", "the least that is logged", to(oneOf("debug", "info", "warn", "error"), func(l *Log, v string) { l.Level = v })},
		{"format", "text or json", "text", "one line each, for people or for programs", to(oneOf("text", "json"), func(l *Log, v string) { l.Format = v })},
	}, func(c *Config) *Log { return &c.Log }),
	lift("defaults.", optionFields, func(c *Config) *options { return &c.Defaults }),
)

var workerFields = []field[Worker]{
	{"name", "name", "host-pid-random", "how operators know the worker; no two may share one", to(asName("worker name"), func(w *Worker, v string) { w.Name = v })},
	{"queues", "list, or queue: weight", "the default queue and those that tasks name", "queues to serve: a list in strict order, or shared by weight", to(asShares, func(w *Worker, v []runtime.QueueShare) { w.Queues = v })},
	{"concurrency", "number", "number of CPUs", "tasks that run at once", to(asInt(1, 100_000), func(w *Worker, v int) { w.Concurrency = v })},
	{"prefetch", "number", "adapts", "tasks held ready beyond those that run", to(asInt(0, 100_000), func(w *Worker, v int) { w.Prefetch = int(orNegative(time.Duration(v))) })},
	{"prefetch_multiplier", "number", "", "another way to say prefetch: tasks held for each that may run, itself included", to(asInt(1, 1000), func(w *Worker, v int) { w.multiplier = v })},
	{"lease", "duration", "10s", "how long a worker may be silent before its tasks go to others", to(asAtLeast(time.Second), func(w *Worker, v time.Duration) { w.Lease = v })},
	{"soft_grace", "duration", "30s", "what a soft shutdown leaves handlers to return", to(asPositive, func(w *Worker, v time.Duration) { w.SoftGrace = v })},
	{"heartbeat", "duration", "5s", "how often a worker reports itself", to(asPositive, func(w *Worker, v time.Duration) { w.Heartbeat = v })},
	{"max_losses", "number", strconv.Itoa(runtime.DefaultMaxLosses), "workers a task may take down before it is a dead letter", to(asInt(1, math.MaxInt32), func(w *Worker, v int) { w.MaxLosses = v })},
	{"max_result", "size", "1MiB", "the longest result; a longer one is a permanent failure", to(asBytes, func(w *Worker, v int64) { w.MaxResult = v })},
}

// flags are the keys that commands take as flags.
var flags = map[string]string{
	"store":              "--store",
	"worker.name":        "--name",
	"worker.queues":      "--queues",
	"worker.concurrency": "--concurrency",
	"worker.prefetch":    "--prefetch",
	"log.level":          "--log-level",
	"log.format":         "--log-format",
}

// named are the variables that do not follow from their key, or have more than
// one name, because they are older than the key.
var named = map[string][]string{
	"store":                      {"STEM_STORE", "STEM_BROKER_URL"},
	"worker.prefetch_multiplier": {"STEM_PREFETCH_MULTIPLIER"},
	"worker.heartbeat":           {"STEM_HEARTBEAT_INTERVAL"},
	"defaults.retries.max":       {"STEM_DEFAULT_MAX_RETRIES"},
}

// shortRetries is another way to write the key below it, and no setting of its
// own.
const shortRetries = "defaults.retries"

// variables returns the names of the variables of a key: STEM_ and its words;
// what is under defaults begins with STEM_DEFAULT_.
func variables(key string) []string {
	if names, ok := named[key]; ok {
		return names
	}
	name := strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	return []string{"STEM_" + strings.Replace(name, "DEFAULTS_", "DEFAULT_", 1)}
}

// setDefaults fills in what nothing has set, before anything else is read.
func setDefaults(c *Config, cpus int) {
	c.Worker = Worker{
		Concurrency: cpus, Lease: 10 * time.Second, SoftGrace: 30 * time.Second, Heartbeat: 5 * time.Second,
		MaxLosses: runtime.DefaultMaxLosses, MaxResult: 1 << 20,
	}
	c.Log = Log{Level: "info", Format: "text"}
	c.Queues = map[string]Queue{}
	for _, s := range Settings() {
		c.note(s.Key, s.Default, Origin{})
	}
}

// derive computes the defaults that depend on other settings.
func derive(c *Config) {
	w := &c.Worker
	c.explain("worker.concurrency", strconv.Itoa(w.Concurrency))
	if w.Prefetch == 0 && w.multiplier > 0 {
		w.Prefetch = int(orNegative(time.Duration(w.Concurrency * (w.multiplier - 1))))
		c.explain("worker.prefetch", strconv.Itoa(max(w.Prefetch, 0)))
	}
	if len(w.Queues) == 0 {
		w.Queues = mentioned(c)
		names := make([]string, len(w.Queues))
		for i, q := range w.Queues {
			names[i] = q.Queue
		}
		c.explain("worker.queues", "["+strings.Join(names, ", ")+"]")
	}
}

// mentioned returns the queue of tasks that name none, and after it those that
// tasks do name. They share by equal weight: nobody said that one matters more.
func mentioned(c *Config) []runtime.QueueShare {
	first := runtime.DefaultQueue
	if c.Defaults.Queue != nil {
		first = *c.Defaults.Queue
	}
	var others []string
	for _, t := range c.Tasks {
		if q := runtime.Value(t.Options.Queue); q != "" && q != first && !slices.Contains(others, q) {
			others = append(others, q)
		}
	}
	if len(others) == 0 {
		return []runtime.QueueShare{{Queue: first}}
	}
	slices.Sort(others)
	shares := []runtime.QueueShare{{Queue: first, Weight: 1}}
	for _, q := range others {
		shares = append(shares, runtime.QueueShare{Queue: q, Weight: 1})
	}
	return shares
}

// note records the effective value of a key.
func (c *Config) note(key, value string, from Origin) {
	if c.entries == nil {
		c.entries = map[string]Entry{}
	}
	c.entries[key] = Entry{Key: key, Value: value, Origin: from}
}

// explain replaces the words of a default by the value they came to.
func (c *Config) explain(key, value string) {
	if e := c.entries[key]; e.Origin.Layer == LayerDefault {
		c.note(key, value, Origin{})
	}
}
