//go:build !unix

package watchdog

// Guard does nothing: this system has no process groups.
func Guard(int) error { return nil }

// Release does nothing.
func Release(int) {}
