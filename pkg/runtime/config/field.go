package config

import (
	"slices"
	"strings"
)

// field is one key of the schema that ends in a value and belongs into a T.
// Settings, task options, exec and http tasks are lists of fields; everything
// that knows keys (reading, suggestions, variables, the reference) reads them.
type field[T any] struct {
	key   string // dotted: "retries.max"
	takes string // what it wants, for the reference: "duration"
	def   string // the default as it is written; "" is none
	help  string
	set   func(*T, item) error
}

// to makes a setter of a parser and an assignment.
func to[T, V any](parse func(item) (V, error), assign func(*T, V)) func(*T, item) error {
	return func(t *T, it item) error {
		v, err := parse(it)
		if err == nil {
			assign(t, v)
		}
		return err
	}
}

// lift turns fields of a part into fields of the whole, under a prefix.
func lift[T, P any](prefix string, fields []field[P], part func(*T) *P) []field[T] {
	out := make([]field[T], len(fields))
	for i, f := range fields {
		out[i] = field[T]{prefix + f.key, f.takes, f.def, f.help, func(t *T, it item) error { return f.set(part(t), it) }}
	}
	return out
}

// schema is a list of fields made ready for reading.
type schema[T any] struct {
	fields map[string]field[T]
	groups map[string][]string // "retries" to the words that may follow; "" is the top
	extra  []string            // words of the top that somebody else reads
}

func newSchema[T any](fields []field[T], extra ...string) *schema[T] {
	s := &schema[T]{fields: map[string]field[T]{}, groups: map[string][]string{}, extra: extra}
	for _, f := range fields {
		s.fields[f.key] = f
		group := ""
		for word := range strings.SplitSeq(f.key, ".") {
			if !slices.Contains(s.groups[group], word) {
				s.groups[group] = append(s.groups[group], word)
			}
			group = join(group, word)
		}
	}
	return s
}

func join(group, word string) string {
	if group == "" {
		return word
	}
	return group + "." + word
}

// visit is called for each value that was read without a problem.
type visit func(key string, it item)

// read fills t from a mapping. prefix is what stands before its keys in
// messages ("tasks.mail.send."); group is where in the schema it begins.
func (s *schema[T]) read(t *T, it item, prefix, group string, c *collector, seen visit) {
	if it.empty() {
		return
	}
	if it.kind != mapping {
		c.add(it.at, "", "%s: want a mapping, got %s", strings.TrimSuffix(prefix+group, "."), it.word())
		return
	}
	for _, e := range it.entries {
		key := join(group, e.key)
		f, isField := s.fields[key]
		_, isGroup := s.groups[key]
		switch {
		case group == "" && (slices.Contains(s.extra, e.key) || strings.HasPrefix(e.key, "x-")):
		case isGroup && (e.val.kind == mapping || !isField) && !strings.Contains(e.key, "."):
			s.read(t, e.val, prefix, key, c, seen)
		case isField && !strings.Contains(e.key, "."):
			s.apply(t, f, e.val, prefix+key, c, seen)
		default:
			c.add(e.at, s.suggest(group, e.key), "unknown key %s", prefix+join(group, clean(e.key)))
		}
	}
}

// apply sets one field. A value that came from elsewhere may be a secret, and
// the parsers' messages repeat what they read, so it gets a message of its own.
func (s *schema[T]) apply(t *T, f field[T], it item, shownKey string, c *collector, seen visit) {
	err := f.set(t, it)
	switch {
	case err == nil:
		seen(f.key, it)
	case it.hidden():
		c.add(it.at, "", "%s: want %s, got %s", shownKey, f.takes, it)
	default:
		c.addError(it.at, shownKey+": ", err)
	}
}

// hidden reports whether it holds a secret anywhere.
func (it item) hidden() bool {
	return it.secret() || slices.ContainsFunc(it.list, item.hidden) ||
		slices.ContainsFunc(it.entries, func(e entry) bool { return e.val.hidden() })
}

// suggest finds what the writer of an unknown key may have meant: a word of the
// same mapping that is nearly it, or the same word elsewhere.
func (s *schema[T]) suggest(group, word string) string {
	words := slices.Concat(s.groups[group])
	if group == "" {
		words = append(words, s.extra...)
	}
	if hint := didYouMean(word, words); hint != "" {
		return hint
	}
	if _, full := s.fields[word]; full {
		return "write it as nested mappings, without dots"
	}
	var elsewhere []string
	for key := range s.fields {
		if strings.HasSuffix(key, "."+word) {
			elsewhere = append(elsewhere, key)
		}
	}
	if len(elsewhere) > 0 {
		slices.Sort(elsewhere)
		return "did you mean " + strings.Join(elsewhere, " or ") + "?"
	}
	slices.Sort(words)
	return "known here: " + strings.Join(words, ", ")
}
