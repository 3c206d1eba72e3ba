package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/config"
)

// Whatever a file holds, loading ends in a configuration or in coded problems.
func FuzzLoad(f *testing.F) {
	f.Add(config.Starter())
	f.Add("store: ${env:A:-b}\ninclude: [x, '*.yaml']\nworker: {queues: {a: 1}, lease: 1d}\n")
	f.Add("x: &x {a: *x}\ntasks: {a: {<<: *x, exec: [a, ${file:/dev/null}]}}\n")
	f.Add("tasks:\n  a: {http: {url: '{{.args}}', retry: [1-9]}, unique: true}\n? [a]\n: b\n")
	f.Add("a: !!binary aGVsbG8=\n---\n")
	dir := f.TempDir()
	file := filepath.Join(dir, "stem.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.LoadOptions{Dir: dir, Env: map[string]string{"A": "1"}})
		var ps *config.Problems
		switch {
		case err == nil:
			for _, task := range c.Tasks {
				if (task.Exec == nil) == (task.HTTP == nil) {
					t.Errorf("task %+v runs nothing or two things", task)
				}
			}
			_ = c.Show()
		case !errors.As(err, &ps) || !errors.Is(err, runtime.ErrInvalid) || len(ps.List) == 0:
			t.Errorf("uncoded error %v", err)
		}
	})
}
