// Package config is the one schema of stem: what stem.yaml, STEM_* variables
// and flags may say, and what applies in the end.
//
//	flag  >  environment  >  file  >  default
//
// [Load] finds the file (--config, STEM_CONFIG, or stem.yaml upwards from the
// working directory), brings in what it includes, resolves ${env:…} and
// ${file:…}, checks every key against one table, and returns a [Config] of plain
// data that remembers where each value comes from. Without a file, a variable or
// a flag it returns defaults that work.
//
// Mistakes are collected and reported together as [Problems]: unknown keys with
// the nearest known one, wrong types, bad durations, tasks that are declared
// twice, each with file and line. Values that came by ${…} are never printed.
//
// It is not where anything is opened, started or built: a [Task] is described
// here and turned into a handler by pkg/stem.
//
// It may import pkg/runtime, the standard library and yaml.v3, of which it is
// the only importer (yaml.go alone).
//
// Where to start reading: settings.go (the fixed keys), options.go and task.go
// (the keys of a task), field.go (how a table of keys reads a file), load.go
// (the order of things). docs/configuration.md is generated from the same
// tables: go generate ./pkg/runtime/config.
package config
