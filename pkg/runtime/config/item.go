package config

import (
	"slices"
	"strings"
)

// item is one value of a file, a variable or a flag, with its place: what is
// left of YAML once aliases, merges and ${…} are resolved.
//
//   - text is the resolved scalar; shown is what may be printed of it.
//   - quoted scalars and those of variables and flags are tagString.
type item struct {
	kind    kind
	tag     tag
	text    string
	shown   string
	list    []item
	entries []entry
	at      Origin
}

type entry struct {
	key string
	at  Origin
	val item
}

type kind uint8

const (
	scalar kind = iota
	list
	mapping
)

type tag uint8

const (
	tagString tag = iota
	tagNumber
	tagBool
	tagNull
)

// textItem is a value that came as text, from a variable or a flag.
func textItem(text string, at Origin) item {
	return item{text: text, shown: text, at: at}
}

// secret reports whether the value must not be printed as it is.
func (it item) secret() bool { return it.text != it.shown }

// empty reports a key without a value ("tasks:" and nothing below).
func (it item) empty() bool { return it.kind == scalar && it.tag == tagNull }

// get returns the value of a key of a mapping.
func (it item) get(key string) (item, bool) {
	e, ok := it.find(key)
	return e.val, ok
}

func (it item) find(key string) (entry, bool) {
	i := slices.IndexFunc(it.entries, func(e entry) bool { return e.key == key })
	if i < 0 {
		return entry{}, false
	}
	return it.entries[i], true
}

// String returns what may be printed of the value.
func (it item) String() string {
	switch it.kind {
	case list:
		parts := make([]string, len(it.list))
		for i, x := range it.list {
			parts[i] = x.String()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case mapping:
		parts := make([]string, len(it.entries))
		for i, e := range it.entries {
			parts[i] = e.key + ": " + e.val.String()
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return it.shown
}

// word says what kind of value it is, for messages.
func (it item) word() string {
	switch {
	case it.kind == list:
		return "a list"
	case it.kind == mapping:
		return "a mapping"
	case it.tag == tagNull:
		return "nothing"
	}
	return `"` + it.shown + `"`
}

// merge lays over on top of base: mappings are merged key by key, everything
// else is replaced.
func merge(base, over item) item {
	if base.kind != mapping || over.kind != mapping {
		if over.empty() && base.kind == mapping {
			return base
		}
		return over
	}
	out := item{kind: mapping, at: over.at}
	for _, e := range base.entries {
		if top, ok := over.get(e.key); ok {
			e.val = merge(e.val, top)
		}
		out.entries = append(out.entries, e)
	}
	for _, e := range over.entries {
		if _, both := base.get(e.key); !both {
			out.entries = append(out.entries, e)
		}
	}
	return out
}
