package config

import (
	"slices"
	"strconv"
	"strings"
)

// Entry is one effective setting. Value is masked where it may be a secret.
type Entry struct {
	Key    string
	Value  string
	Origin Origin
}

// Layer is one of the places a value can come from; higher wins.
type Layer uint8

// The layers.
const (
	LayerDefault Layer = iota
	LayerFile
	LayerEnvironment
	LayerFlag
)

// String returns the layer as it is printed.
func (l Layer) String() string {
	return [...]string{"default", "file", "environment", "flag"}[l]
}

// Origin says where a value comes from: Name is the flag or the variable, File
// and Line the place in a file.
type Origin struct {
	Layer Layer
	Name  string
	File  string
	Line  int
}

// String returns the origin for people: "--store (flag)", "STEM_STORE
// (environment)", "/srv/stem.yaml:2" or "default".
func (o Origin) String() string {
	switch o.Layer {
	case LayerFile:
		return o.File + ":" + strconv.Itoa(o.Line)
	case LayerDefault:
		return "default"
	}
	return o.Name + " (" + o.Layer.String() + ")"
}

func (c *Config) show() []Entry {
	var fixed, named []Entry
	known := map[string]bool{}
	for _, s := range Settings() {
		known[s.Key] = true
		fixed = append(fixed, c.entries[s.Key])
	}
	for key, e := range c.entries {
		if !known[key] {
			named = append(named, e)
		}
	}
	slices.SortFunc(named, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return append(fixed, named...)
}
