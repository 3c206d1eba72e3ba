package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ours are variables that are stem's without being settings: what names the
// configuration, what commands look at, what a task's program is given.
var ours = []string{"STEM_CONFIG", "STEM_PROTOCOL"}

// variables sets the keys that have a variable. An empty one is not set, as in
// every shell script that clears one.
func (l *loader) variables() {
	known := slices.Clone(ours)
	for _, s := range Settings() {
		known = append(known, s.Env...)
		l.variable(s)
	}
	l.warnUnknown(known)
}

func (l *loader) variable(s Setting) {
	var taken string
	for _, name := range s.Env {
		value, _ := l.env(name)
		value = strings.TrimSpace(value)
		switch {
		case value == "":
		case taken == "":
			taken = name
			l.override(s.Key, textItem(value, Origin{Layer: LayerEnvironment, Name: name}))
		default:
			l.warn("%s is ignored, because %s is set", name, taken)
		}
	}
}

// warnUnknown names variables that were probably meant for stem: a misspelt
// one has no other way to be noticed.
func (l *loader) warnUnknown(known []string) {
	for _, name := range slices.Sorted(maps.Keys(l.environ)) {
		if !strings.HasPrefix(name, "STEM_") || slices.Contains(known, name) {
			continue
		}
		if near := nearest(name, known); near != "" && EditDistance(name, near) <= 2 {
			l.warn("%s is not known; did you mean %s?", name, near)
		}
	}
}

func (l *loader) warn(format string, args ...any) {
	l.config.Warnings = append(l.config.Warnings, fmt.Sprintf(format, args...))
}
