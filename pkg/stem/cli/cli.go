// Package cli makes a custom stem binary: the whole command tree with a
// program's own tasks compiled in.
//
//	func main() { cli.Main(stem.With(Hello)) }
//
// It links every driver and the command line; programs that only embed a worker
// import pkg/stem instead.
package cli

import (
	"os"

	"github.com/stem-jobs/stem/internal/cli"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/all" // the stores that --store may name
	"github.com/stem-jobs/stem/pkg/stem"
)

// Main runs the command that the process was started with and exits with its
// code. The options' tasks can be enqueued by their names, with their settings,
// and are run by `worker` and `up`.
func Main(opts ...stem.Option) {
	os.Exit(cli.Main(cli.Options{Args: os.Args[1:], Stem: opts}))
}
