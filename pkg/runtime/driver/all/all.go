// Package all links every driver of stem: the one place that does. Importing it
// makes runtime.Open know them.
package all

import (
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)
