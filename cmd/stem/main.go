// Command stem is the job platform in one binary: workers, and the operator's
// tools.
package main

import "github.com/stem-jobs/stem/pkg/stem/cli"

func main() { cli.Main() }
