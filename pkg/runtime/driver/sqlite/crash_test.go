package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime/drivertest"
)

// TestChaosCrash runs the crash tier: real processes on one file, killed at
// random.
func TestChaosCrash(t *testing.T) {
	drivertest.Crash(t, drivertest.CrashHarness{
		Name: "sqlite",
		New:  func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "stem.db") },
	})
}
