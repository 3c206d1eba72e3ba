package config

import _ "embed"

//go:embed starter.yaml
var starter string

// Starter returns the stem.yaml that `stem init` writes: commented, valid, with
// one task that runs on any machine that has sh.
func Starter() string { return starter }
