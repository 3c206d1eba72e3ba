//go:build !unix

package worker_test

import (
	"testing"
	"time"
)

// cpu is known on Unix only.
func cpu(*testing.B) time.Duration { return 0 }
