//go:build unix

package handler_test

import (
	"os/exec"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

// BenchmarkExec shows what stem adds to a program: compare with Command.
func BenchmarkExec(b *testing.B) {
	run, err := handler.Exec(handler.ExecSpec{Command: []string{"true"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Command", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Exec", func(b *testing.B) {
		task, _ := newTask(`{}`)
		for b.Loop() {
			if _, err := run(b.Context(), task); err != nil {
				b.Fatal(err)
			}
		}
	})
}
