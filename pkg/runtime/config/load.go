package config

import (
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// LoadOptions says where to look. The zero value is what a command without
// flags wants.
//
//   - Path is the file that --config names; "" looks at STEM_CONFIG, then for a
//     stem.yaml upwards from Dir.
//   - Dir is the working directory; "" is the process's.
//   - Env holds the variables; nil is the process's.
//   - Flags win over everything.
type LoadOptions struct {
	Path  string
	Dir   string
	Env   map[string]string
	Flags []Override
}

// Override is a setting given as a flag: its key, its value as text, and the
// flag as the user knows it ("--concurrency").
type Override struct {
	Key   string
	Value string
	Flag  string
}

// Load reads the configuration. Without any file, variable or flag it returns
// the defaults, which work.
//
//   - Errors: *[Problems], which is ErrInvalid and names every place; ErrInvalid
//     for a named file that cannot be read.
func Load(o LoadOptions) (*Config, error) {
	l, err := newLoader(o)
	if err != nil {
		return nil, err
	}
	file, home, err := find(l.named(o.Path), l.dir)
	if err != nil {
		return nil, err
	}
	root := item{kind: mapping}
	if file != "" {
		root = l.file(file, Origin{})
	}
	l.read(root)
	if l.config.Store == "" {
		l.config.Store = defaultStore(home)
		l.config.explain("store", l.config.Store)
	}
	derive(l.config)
	return l.config, l.problems.err()
}

// lookup finds a variable.
type lookup func(name string) (string, bool)

// loader holds what one Load gathers.
type loader struct {
	config   *Config
	problems *collector
	env      lookup
	environ  map[string]string
	flags    []Override
	dir      string
	open     []string // files that are being read, for cycles
}

func newLoader(o LoadOptions) (*loader, error) {
	dir := o.Dir
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("find the working directory: %w", err)
		}
		dir = wd
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	if o.Env == nil {
		o.Env = processEnv()
	}
	l := &loader{config: &Config{}, problems: &collector{}, environ: o.Env, flags: o.Flags, dir: dir}
	l.env = func(name string) (string, bool) { v, ok := l.environ[name]; return v, ok }
	setDefaults(l.config, goruntime.GOMAXPROCS(0))
	return l, nil
}

func processEnv() map[string]string {
	env := map[string]string{}
	for _, pair := range os.Environ() {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}

// named returns the file that somebody names, and who does.
func (l *loader) named(path string) Override {
	if path != "" {
		return Override{Value: path, Flag: "--config"}
	}
	path, _ = l.env("STEM_CONFIG")
	return Override{Value: strings.TrimSpace(path), Flag: "STEM_CONFIG"}
}

// maxFile bounds the size of one file.
const maxFile = 4 << 20

// file returns the items of a file with those of the files it includes below
// them. from is where it is included.
func (l *loader) file(path string, from Origin) item {
	empty := item{kind: mapping}
	if slices.Contains(l.open, path) {
		l.problems.add(from, "", "%s includes itself: %s", path, strings.Join(append(l.open, path), " > "))
		return empty
	}
	if slices.Contains(l.config.files, path) {
		return empty // included by two files: its tasks are there already
	}
	data, err := readBounded(path, maxFile)
	if err != nil {
		if from.File == "" {
			from = Origin{Layer: LayerFile, File: path, Line: 1}
		}
		l.problems.add(from, "", "read %s: %s", path, fileReason(err))
		return empty
	}
	l.open = append(l.open, path)
	defer func() { l.open = l.open[:len(l.open)-1] }()
	l.config.files = append(l.config.files, path)
	s := source{file: path, expander: expander{env: l.env, dir: filepath.Dir(path)}, problems: l.problems}
	root := s.parse(data)
	return l.over(l.included(root, path), root)
}

// included returns what the files under include: hold, the later ones on top.
func (l *loader) included(root item, path string) item {
	base := item{kind: mapping}
	val, ok := root.get("include")
	if !ok || val.empty() {
		return base
	}
	patterns, err := asList(func(it item) (item, error) { _, err := asText(it); return it, err })(val)
	if err != nil {
		l.problems.addError(val.at, "include: ", err)
	}
	for _, pattern := range patterns {
		base = l.includePattern(base, pattern, path)
	}
	return base
}

// includePattern brings in the files of one glob, except the file that says it.
func (l *loader) includePattern(base, pattern item, path string) item {
	files, err := filepath.Glob(absolute(pattern.text, filepath.Dir(path)))
	isGlob := strings.ContainsAny(pattern.text, "*?[")
	switch {
	case err != nil:
		l.problems.add(pattern.at, "", "include: %s: %v", pattern, err)
	case len(files) == 0 && !isGlob:
		l.problems.add(pattern.at, "paths start at the file that says include:", "include: there is no %s", pattern)
	}
	for _, file := range files {
		if file != path || !isGlob {
			base = l.over(base, l.file(file, pattern.at))
		}
	}
	return base
}

// over lays one file over others. A task belongs to one file: two of a name are
// hardly two opinions about one task.
func (l *loader) over(base, top item) item {
	below, _ := base.get("tasks")
	above, _ := top.get("tasks")
	for _, e := range above.entries {
		if first, twice := below.find(e.key); twice {
			l.problems.add(e.at, "rename one of them", "task %s is declared twice, also at %s", clean(e.key), first.at)
		}
	}
	return merge(base, top)
}

var (
	settingSchema = newSchema(settingFields, "include", "queues", "tasks")
	taskSchema    = newSchema(taskFields)
	queueSchema   = newSchema([]field[Queue]{
		{"max_depth", "number", "unbounded", "unfinished tasks the queue takes", to(asInt(0, 1<<40), func(q *Queue, v int) { q.MaxDepth = v })},
	})
)

// read fills the configuration, the lowest layer first.
func (l *loader) read(root item) {
	c := l.config
	settingSchema.read(c, root, "", "", l.problems, l.setting)
	l.variables()
	for _, f := range l.flags {
		l.override(f.Key, textItem(f.Value, Origin{Layer: LayerFlag, Name: f.Flag}))
	}
	if queues, ok := root.get("queues"); ok {
		l.queues(queues)
	}
	if tasks, ok := root.get("tasks"); ok {
		l.tasks(tasks)
	}
	if err := c.Defaults.Validate(); err != nil {
		l.problems.addError(l.firstUnder("defaults."), "defaults: ", err)
	}
}

// firstUnder returns where the first key with the prefix was set.
func (l *loader) firstUnder(prefix string) Origin {
	for _, e := range l.config.show() {
		if strings.HasPrefix(e.Key, prefix) && e.Origin.Layer != LayerDefault {
			return e.Origin
		}
	}
	return Origin{}
}

// setting notes the origin of a fixed key.
func (l *loader) setting(key string, it item) {
	c := l.config
	switch key {
	case "store":
		c.Store = anchor(c.Store, l.base(it.at))
	case shortRetries:
		key += ".max"
	}
	c.note(key, printable(key, it), it.at)
}

// base returns where relative paths of a value start.
func (l *loader) base(at Origin) string {
	if at.Layer == LayerFile {
		return filepath.Dir(at.File)
	}
	return l.dir
}

// override sets one key from text.
func (l *loader) override(key string, it item) {
	f, ok := settingSchema.fields[key]
	if !ok {
		l.problems.add(it.at, settingSchema.suggest("", key), "unknown key %s", clean(key))
		return
	}
	settingSchema.apply(l.config, f, it, key, l.problems, l.setting)
}

func (l *loader) queues(it item) {
	if it.kind != mapping && !it.empty() {
		l.problems.add(it.at, "write queues: {mail: {max_depth: 1000}}", "queues: want a mapping of names to settings, got %s", it.word())
		return
	}
	for _, e := range it.entries {
		if err := runtime.CheckName("queue", e.key); err != nil {
			l.problems.addError(e.at, "", err)
			continue
		}
		var q Queue
		prefix := "queues." + e.key + "."
		queueSchema.read(&q, e.val, prefix, "", l.problems, l.noting(prefix))
		l.config.Queues[e.key] = q
	}
}

func (l *loader) tasks(it item) {
	if it.kind != mapping && !it.empty() {
		l.problems.add(it.at, "write tasks: {mail.send: {exec: [...]}}", "tasks: want a mapping of names to tasks, got %s", it.word())
		return
	}
	for _, e := range it.entries {
		t := readTask(taskSchema, l.config.Defaults, e, l.problems, l.noting("tasks."+e.key+"."))
		l.config.Tasks = append(l.config.Tasks, t)
	}
	slices.SortFunc(l.config.Tasks, func(a, b Task) int { return strings.Compare(a.Name, b.Name) })
}

// noting records the origin of keys that hold names; a mapping is noted value
// by value.
func (l *loader) noting(prefix string) visit {
	return func(key string, it item) {
		if it.kind != mapping {
			l.config.note(prefix+key, printable(prefix+key, it), it.at)
			return
		}
		for _, e := range it.entries {
			full := prefix + key + "." + e.key
			l.config.note(full, printable(full, e.val), e.val.at)
		}
	}
}
