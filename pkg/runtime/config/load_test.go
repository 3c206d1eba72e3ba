package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

// tree writes files into a new directory and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load reads one stem.yaml with an empty environment.
func load(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	return config.Load(config.LoadOptions{Dir: tree(t, map[string]string{"stem.yaml": text}), Env: map[string]string{}})
}

func mustLoad(t *testing.T, o config.LoadOptions) *config.Config {
	t.Helper()
	if o.Env == nil {
		o.Env = map[string]string{}
	}
	c, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNothingAtAll(t *testing.T) {
	dir := t.TempDir()
	c := mustLoad(t, config.LoadOptions{Dir: dir})
	if want := "sqlite://" + filepath.ToSlash(dir) + "/.stem/stem.db"; c.Store != want {
		t.Errorf("store %s, want %s", c.Store, want)
	}
	if c.Path() != "" || c.Origin("store").String() != "default" || len(c.Tasks) != 0 || len(c.Warnings) != 0 {
		t.Errorf("got %+v", c)
	}
	w := c.Worker
	if w.Concurrency < 1 || w.Prefetch != 0 || w.Lease != 10*time.Second || w.SoftGrace != 30*time.Second || w.Heartbeat != 5*time.Second ||
		w.MaxLosses != runtime.DefaultMaxLosses || w.MaxResult != 1<<20 || !reflect.DeepEqual(w.Queues, []runtime.QueueShare{{Queue: "default"}}) {
		t.Errorf("worker %+v", w)
	}
	if c.Log != (config.Log{Level: "info", Format: "text"}) {
		t.Errorf("log %+v", c.Log)
	}
}

func TestEverything(t *testing.T) {
	dir := tree(t, map[string]string{"stem.yaml": `
store: redis://localhost:6379/0
worker:
  name: w1
  queues: {mail: 3, default: 1}
  concurrency: 20
  prefetch: 0
  lease: 30s
  soft_grace: 1m
  heartbeat: 10s
  max_losses: 9
  max_result: 2MiB
log: {level: debug, format: json}
queues:
  mail: {max_depth: 1000}
  bulk:
defaults:
  queue: other
  retries: {max: 2, backoff: 1s, cap: 10m}
tasks:
  all:
    description: Everything
    tags: [a, b]
    idempotent: true
    queue: mail
    priority: 9
    retries: {max: 5, backoff: 3s, constant: true, jitter: false, for: [exit-3], not_for: [http-404]}
    limits: {soft: 50s, hard: 60s, rate: 10/s, concurrency: 4, group_rate: 5/m, group_key: k, group_header: h, fail_open: false}
    unique: {key: k, for: 10m, replace: true}
    acks_late: false
    visibility_timeout: 20s
    ignore_result: true
    keep_result: 2d
    expires: 1h
    encoding: gzip
    exec:
      command: [python3, send.py, 5, true]
      env: {A: b, DEBUG: true, N: 5}
      env_pass: [AWS_*]
      dir: sub
      result: json
      exit_codes: {retry: [75, 80-82], permanent: [64]}
      max_output: 64KiB
      grace: 0
      soft_signal: USR1
  call:
    http:
      method: PUT
      url: https://example.org/{{.args.x}}
      headers: {X-A: b}
      body: ""
      timeout: 10s
      success: [200-204, 404]
      retry: [500]
      max_body: 10KB
      follow: 0
      allow_addresses: [169.254.1.1]
  short:
    exec: [echo]
    retries: 7
    unique: true
`})
	c := mustLoad(t, config.LoadOptions{Dir: dir})
	wantWorker := config.Worker{
		Name: "w1", Queues: []runtime.QueueShare{{Queue: "mail", Weight: 3}, {Queue: "default", Weight: 1}}, Concurrency: 20, Prefetch: -1,
		Lease: 30 * time.Second, SoftGrace: time.Minute, Heartbeat: 10 * time.Second, MaxLosses: 9, MaxResult: 2 << 20,
	}
	if !reflect.DeepEqual(c.Worker, wantWorker) {
		t.Errorf("worker %+v", c.Worker)
	}
	if !reflect.DeepEqual(c.Queues, map[string]config.Queue{"mail": {MaxDepth: 1000}, "bulk": {}}) {
		t.Errorf("queues %+v", c.Queues)
	}
	all, call, short := c.Tasks[0], c.Tasks[1], c.Tasks[2]
	wantExec := &config.ExecTask{
		Command: []string{"python3", "send.py", "5", "true"}, Dir: filepath.Join(dir, "sub"), Env: map[string]string{"A": "b", "DEBUG": "true", "N": "5"},
		EnvPass: []string{"AWS_*"}, Result: "json", RetryCodes: []int{75, 80, 81, 82}, PermanentCodes: []int{64}, MaxOutput: 64 << 10, Grace: -1, SoftSignal: "USR1",
	}
	if !reflect.DeepEqual(all.Exec, wantExec) {
		t.Errorf("exec %+v", all.Exec)
	}
	wantOptions := runtime.TaskOptions{
		Queue: new("mail"), Priority: new(9), MaxRetries: new(5),
		Retry:     &runtime.RetryPolicy{Backoff: 3 * time.Second, Cap: 10 * time.Minute, Constant: true, NoJitter: true, RetryFor: []string{"exit-3"}, DontRetryFor: []string{"http-404"}},
		SoftLimit: new(50 * time.Second), HardLimit: new(time.Minute), Rate: &runtime.Rate{N: 10, Per: time.Second}, Concurrency: new(4),
		GroupRate: &runtime.Rate{N: 5, Per: time.Minute}, GroupRateKey: new("k"), GroupRateHeader: new("h"), LimitsFailOpen: new(false),
		Unique: &runtime.UniqueOptions{Key: "k", For: 10 * time.Minute, Replace: true}, AcksLate: new(false), VisibilityTimeout: new(20 * time.Second),
		IgnoreResult: new(true), KeepResult: new(48 * time.Hour), Expires: new(time.Hour), Encoding: new("gzip"),
	}
	if !reflect.DeepEqual(all.Options, wantOptions) {
		t.Errorf("options %+v", all.Options)
	}
	if all.Description != "Everything" || !slices.Equal(all.Tags, []string{"a", "b"}) || !all.Idempotent || all.Source != filepath.Join(dir, "stem.yaml")+":21" {
		t.Errorf("task %+v", all)
	}
	wantHTTP := &config.HTTPTask{
		Method: "PUT", URL: "https://example.org/{{.args.x}}", Headers: map[string]string{"X-A": "b"}, Body: new(""), Timeout: 10 * time.Second,
		Success: []int{200, 201, 202, 203, 204, 404}, Retry: []int{500}, MaxBody: 10_000, Follow: -1, AllowAddresses: []string{"169.254.1.1"},
	}
	if !reflect.DeepEqual(call.HTTP, wantHTTP) {
		t.Errorf("http %+v", call.HTTP)
	}
	o := c.Options(short)
	if *o.Queue != "other" || *o.MaxRetries != 7 || o.Retry.Backoff != time.Second || o.Unique == nil || short.Exec.Dir != dir || !slices.Equal(short.Exec.Command, []string{"echo"}) {
		t.Errorf("short %+v", o)
	}
}

func TestPrecedence(t *testing.T) {
	dir := tree(t, map[string]string{"stem.yaml": "worker: {concurrency: 2, prefetch: 3}\nlog: {level: warn}\ndefaults: {retries: 4}\n"})
	file := filepath.Join(dir, "stem.yaml")
	env := map[string]string{"STEM_WORKER_CONCURRENCY": " 5 ", "STEM_LOG_LEVEL": "error", "STEM_WORKER_PREFETCH": ""}
	c := mustLoad(t, config.LoadOptions{Dir: dir, Env: env, Flags: []config.Override{{Key: "log.level", Value: "debug", Flag: "--log-level"}}})
	if c.Worker.Concurrency != 5 || c.Worker.Prefetch != 3 || c.Log.Level != "debug" || *c.Defaults.MaxRetries != 4 {
		t.Errorf("got %+v, %+v", c.Worker, c.Log)
	}
	for key, want := range map[string]string{
		"worker.concurrency": "STEM_WORKER_CONCURRENCY (environment)", "worker.prefetch": file + ":1", "log.level": "--log-level (flag)",
		"log.format": "default", "defaults.retries.max": file + ":3",
	} {
		if got := c.Origin(key).String(); got != want {
			t.Errorf("%s comes from %s, want %s", key, got, want)
		}
	}
}

func TestEveryVariable(t *testing.T) {
	dir := t.TempDir()
	sample := map[string]string{
		"store": "memory:", "worker.queues": "a=1", "log.level": "warn", "log.format": "json", "worker.max_result": "5KiB",
		"defaults.queue": "q", "defaults.encoding": "gzip", "defaults.limits.rate": "3/s", "defaults.limits.group_rate": "3/s",
	}
	seen := map[string]string{}
	for _, s := range config.Settings() {
		if len(s.Env) == 0 || s.Help == "" || s.Takes == "" {
			t.Errorf("%s lacks a variable or a description", s.Key)
		}
		for _, name := range s.Env {
			if other := seen[name]; other != "" {
				t.Errorf("%s stands for %s and %s", name, other, s.Key)
			}
			seen[name] = s.Key
			value := sample[s.Key]
			switch {
			case value != "":
			case s.Takes == "duration":
				value = "7s"
			case s.Takes == "true or false":
				value = "yes"
			default:
				value = "1"
			}
			c := mustLoad(t, config.LoadOptions{Dir: dir, Env: map[string]string{name: value}})
			if got := c.Origin(s.Key).String(); got != name+" (environment)" {
				t.Errorf("%s=%s: %s comes from %s", name, value, s.Key, got)
			}
		}
	}
	for _, name := range []string{"STEM_BROKER_URL", "STEM_STORE", "STEM_WORKER_QUEUES", "STEM_DEFAULT_QUEUE", "STEM_PREFETCH_MULTIPLIER", "STEM_HEARTBEAT_INTERVAL", "STEM_LOG_LEVEL", "STEM_DEFAULT_MAX_RETRIES"} {
		if seen[name] == "" {
			t.Errorf("%s stands for nothing", name)
		}
	}
}

func TestVariableWarnings(t *testing.T) {
	env := map[string]string{"STEM_STORE": "memory:", "STEM_BROKER_URL": "redis://x", "STEM_WORKER_CONCURENCY": "5", "STEM_TASK_ID": "x", "STEM_SOMETHING_ELSE": "1"}
	c := mustLoad(t, config.LoadOptions{Dir: t.TempDir(), Env: env})
	want := []string{"STEM_BROKER_URL is ignored, because STEM_STORE is set", "STEM_WORKER_CONCURENCY is not known; did you mean STEM_WORKER_CONCURRENCY?"}
	if c.Store != "memory:" || !slices.Equal(c.Warnings, want) {
		t.Errorf("got %s, %q", c.Store, c.Warnings)
	}
}

func TestImpliedQueues(t *testing.T) {
	c, err := load(t, "defaults: {queue: main}\ntasks:\n  a: {exec: [a], queue: zoo}\n  b: {exec: [b], queue: bar}\n  c: {exec: [c], queue: main}\n")
	want := []runtime.QueueShare{{Queue: "main", Weight: 1}, {Queue: "bar", Weight: 1}, {Queue: "zoo", Weight: 1}}
	if err != nil || !reflect.DeepEqual(c.Worker.Queues, want) {
		t.Errorf("got %+v, %v", c.Worker.Queues, err)
	}
}

func TestPrefetchMultiplier(t *testing.T) {
	for text, want := range map[string]int{
		"worker: {concurrency: 10}":                                          0,
		"worker: {concurrency: 10, prefetch_multiplier: 1}":                  -1,
		"worker: {concurrency: 10, prefetch_multiplier: 3}":                  20,
		"worker: {concurrency: 10, prefetch_multiplier: 3, prefetch: 4}":     4,
		"worker: {concurrency: 10, prefetch_multiplier: 3, prefetch: \"0\"}": -1,
	} {
		if c, err := load(t, text); err != nil || c.Worker.Prefetch != want {
			t.Errorf("%s: got %d, %v; want %d", text, c.Worker.Prefetch, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	dir := tree(t, map[string]string{
		"stem.yaml": "log: {level: warn}", "sub/deep/x": "", "other/custom.yml": "log: {level: error}", "near/.stem/x": "", "near/deeper/x": "",
	})
	in := func(path ...string) string { return filepath.Join(append([]string{dir}, path...)...) }
	env := map[string]string{"STEM_CONFIG": in("other", "custom.yml")}
	cases := []struct {
		name              string
		o                 config.LoadOptions
		path, level, home string
	}{
		{"here", config.LoadOptions{Dir: dir}, in("stem.yaml"), "warn", dir},
		{"upwards", config.LoadOptions{Dir: in("sub", "deep")}, in("stem.yaml"), "warn", dir},
		{"upwards, with a nearer store", config.LoadOptions{Dir: in("near", "deeper")}, in("stem.yaml"), "warn", in("near")},
		{"by variable", config.LoadOptions{Dir: dir, Env: env}, in("other", "custom.yml"), "error", in("other")},
		{"by flag, relative", config.LoadOptions{Dir: in("sub"), Path: "../other/custom.yml"}, in("other", "custom.yml"), "error", in("other")},
		{"flag before variable", config.LoadOptions{Dir: dir, Path: "stem.yaml", Env: env}, in("stem.yaml"), "warn", dir},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := mustLoad(t, c.o)
			if got.Path() != c.path || got.Log.Level != c.level || got.Store != "sqlite://"+filepath.ToSlash(c.home)+"/.stem/stem.db" {
				t.Errorf("got %s, %s, %s", got.Path(), got.Log.Level, got.Store)
			}
		})
	}
	for _, path := range []string{"none.yaml", "sub"} {
		_, err := config.Load(config.LoadOptions{Dir: dir, Path: path, Env: map[string]string{}})
		if !errors.Is(err, runtime.ErrInvalid) || !strings.Contains(err.Error(), in(path)) || !strings.Contains(runtime.HintOf(err), "--config") {
			t.Errorf("%s: got %v (%s)", path, err, runtime.HintOf(err))
		}
	}
}

func TestStorePaths(t *testing.T) {
	dir := tree(t, map[string]string{"etc/conf.yaml": "store: STORE"})
	in := func(path ...string) string { return filepath.ToSlash(filepath.Join(append([]string{dir}, path...)...)) }
	for store, want := range map[string]string{
		"jobs.db":                  "sqlite://" + in("etc/jobs.db"),
		"../jobs.db":               "sqlite://" + in("jobs.db"),
		"sqlite:data/x":            "sqlite://" + in("etc/data/x"),
		"sqlite://data/x?mode=ro":  "sqlite://" + in("etc/data/x") + "?mode=ro",
		"sqlite:///srv/x.db":       "sqlite:///srv/x.db",
		"/srv/x.db":                "/srv/x.db",
		"memory:":                  "memory:",
		"redis://localhost:6379/0": "redis://localhost:6379/0",
		"postgres://h/x.db":        "postgres://h/x.db",
	} {
		if err := os.WriteFile(filepath.Join(dir, "etc", "conf.yaml"), []byte("store: '"+store+"'"), 0o600); err != nil {
			t.Fatal(err)
		}
		if c := mustLoad(t, config.LoadOptions{Dir: dir, Path: "etc/conf.yaml"}); c.Store != want {
			t.Errorf("%s in a file: got %s, want %s", store, c.Store, want)
		}
	}
	c := mustLoad(t, config.LoadOptions{Dir: dir, Env: map[string]string{"STEM_STORE": "jobs.db"}})
	if want := "sqlite://" + in("jobs.db"); c.Store != want {
		t.Errorf("in the environment: got %s, want %s", c.Store, want)
	}
}

func TestInclude(t *testing.T) {
	dir := tree(t, map[string]string{
		"stem.yaml":       "include: [shared.yaml, 'tasks/*.yaml', 'none/*.yaml']\nlog: {level: warn}\ntasks:\n  own: {exec: [own]}\n",
		"shared.yaml":     "worker: {concurrency: 3, prefetch: 4}\nlog: {level: debug, format: json}\n",
		"tasks/mail.yaml": "include: ../more.yaml\nworker: {concurrency: 7}\ntasks:\n  mail.send: {exec: [./send.sh]}\n",
		"tasks/zip.yaml":  "tasks:\n  zip: {exec: {command: [zip], dir: work}}\n",
		"more.yaml":       "tasks:\n  more: {exec: [more]}\n",
	})
	c := mustLoad(t, config.LoadOptions{Dir: dir})
	if c.Worker.Concurrency != 7 || c.Worker.Prefetch != 4 || c.Log != (config.Log{Level: "warn", Format: "json"}) {
		t.Errorf("got %+v %+v", c.Worker, c.Log)
	}
	var got []string
	for _, task := range c.Tasks {
		rel, err := filepath.Rel(dir, task.Exec.Dir)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, task.Name+" in "+filepath.ToSlash(rel))
	}
	if want := []string{"mail.send in tasks", "more in .", "own in .", "zip in tasks/work"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(c.Files()); n != 5 || c.Files()[0] != filepath.Join(dir, "stem.yaml") {
		t.Errorf("files %q", c.Files())
	}
	if got := c.Origin("worker.prefetch"); got.File != filepath.Join(dir, "shared.yaml") || got.Line != 1 {
		t.Errorf("prefetch comes from %s", got)
	}
}

func TestInterpolation(t *testing.T) {
	dir := tree(t, map[string]string{
		"secret.txt": "from file\r\n",
		"stem.yaml": `
store: redis://:${env:PASS}@localhost
tasks:
  t:
    exec:
      command: [sh, -c, "echo ${HOME} $${env:PASS} ${env:NONE:-a}${env:NONE:-b} ${unknown:x} $"]
      env: {TOKEN: "${file:secret.txt}", EMPTY: "${env:EMPTY:-dflt}", SET: "${env:EMPTY}", PORT: "${env:PORT}"}
worker: {concurrency: "${env:N}"}
`})
	env := map[string]string{"PASS": "hunter2", "EMPTY": "", "PORT": "hunter2", "N": "12"}
	c := mustLoad(t, config.LoadOptions{Dir: dir, Env: env})
	x := c.Tasks[0].Exec
	if c.Store != "redis://:hunter2@localhost" || c.Worker.Concurrency != 12 || x.Command[2] != "echo ${HOME} ${env:PASS} ab ${unknown:x} $" {
		t.Errorf("got %s, %+v", c.Store, x)
	}
	if want := map[string]string{"TOKEN": "from file", "EMPTY": "dflt", "SET": "", "PORT": "hunter2"}; !reflect.DeepEqual(x.Env, want) {
		t.Errorf("got %v", x.Env)
	}
	for _, e := range c.Show() {
		if strings.Contains(e.Value, "hunter2") || strings.Contains(e.Value, "from file") {
			t.Errorf("%s shows %s", e.Key, e.Value)
		}
	}
}

func TestShow(t *testing.T) {
	dir := tree(t, map[string]string{"stem.yaml": `
store: redis://user:hunter2@localhost/0?password=hunter2&pool=5
queues: {mail: {max_depth: 5}}
tasks:
  call:
    http:
      url: https://u:hunter2@example.org/?token=hunter2
      headers: {Authorization: Bearer hunter2, X-Api-Key: hunter2, Accept: text/plain}
    retries: {max: 3, for: [a, b]}
  run:
    exec: {command: [sh, -c, "a b"], env: {DB_PASSWORD: hunter2, MODE: fast}}
`})
	c := mustLoad(t, config.LoadOptions{Dir: dir})
	got := map[string]string{}
	var keys []string
	for _, e := range c.Show() {
		got[e.Key] = e.Value
		keys = append(keys, e.Key)
		if strings.Contains(e.Value, "hunter2") {
			t.Errorf("%s shows %s", e.Key, e.Value)
		}
	}
	for key, want := range map[string]string{
		"store": "redis://user:***@localhost/0?password=***&pool=5", "queues.mail.max_depth": "5",
		"tasks.call.http.headers.Authorization": "***", "tasks.call.http.headers.X-Api-Key": "***", "tasks.call.http.headers.Accept": "text/plain",
		"tasks.call.retries.for": "[a, b]", "tasks.run.exec.command": "[sh, -c, a b]", "tasks.run.exec.env.DB_PASSWORD": "***",
		"tasks.run.exec.env.MODE": "fast", "worker.queues": "[default]", "worker.lease": "10s", "defaults.queue": "default",
	} {
		if got[key] != want {
			t.Errorf("%s shows %q, want %q", key, got[key], want)
		}
	}
	if keys[0] != "store" || slices.Index(keys, "queues.mail.max_depth") < len(config.Settings()) || !slices.IsSorted(keys[len(config.Settings()):]) {
		t.Errorf("order %q", keys)
	}
	if o := c.Origin("tasks.call.http.headers.Accept"); o.Line != 8 || !strings.HasSuffix(o.String(), "stem.yaml:8") {
		t.Errorf("origin %s", o)
	}
}

func TestAnchorsAndExtensions(t *testing.T) {
	c, err := load(t, `
x-base: &base
  retries: {max: 5}
  limits: {hard: 1m}
x-other: &other {queue: mail, limits: {hard: 2m}}
tasks:
  a: {<<: *base, exec: [a]}
  b: {<<: [*base, *other], exec: [b], retries: {max: 1}}
`)
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Tasks[0].Options, c.Tasks[1].Options
	if *a.MaxRetries != 5 || *a.HardLimit != time.Minute || *b.MaxRetries != 1 || *b.Queue != "mail" || *b.HardLimit != time.Minute {
		t.Errorf("got %+v, %+v", a, b)
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "tasks:\nqueues:\nworker:\n", "null"} {
		if _, err := load(t, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
