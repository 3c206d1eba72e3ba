package cli

import (
	goruntime "runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
)

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

type versionView struct {
	Version string   `json:"version"`
	Go      string   `json:"go"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Drivers []string `json:"drivers"`
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  stem version\n  stem version -o json",
		Args:    noStrayArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionView{Version: version(), Go: goruntime.Version(), OS: goruntime.GOOS, Arch: goruntime.GOARCH, Drivers: runtime.Drivers()}
			if a.printer.Structured() {
				return printer.PrintItem(a.printer, v, v.Version, nil)
			}
			return a.printer.Line("stem %s (%s, %s/%s)", v.Version, v.Go, v.OS, v.Arch)
		},
	}
}
