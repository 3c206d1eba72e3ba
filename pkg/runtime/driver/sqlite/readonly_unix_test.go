//go:build unix

package sqlite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

const envReadOnly = "STEM_TEST_READONLY_STORE"

// A file that this user may not write is refused at once. Root may write
// everything, so that the test becomes somebody else first.
func TestReadOnlyFile(t *testing.T) {
	if path := os.Getenv(envReadOnly); path != "" {
		err := refused(t, "sqlite:"+path, runtime.ErrDenied)
		if !strings.HasPrefix(err.Error(), "cannot open store sqlite:"+path) {
			t.Errorf("error %q does not begin with what failed", err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "stem-readonly")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "stem.db")
	b, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+path, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "a")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "self")
	copyFile(t, os.Args[0], self)
	for name, mode := range map[string]os.FileMode{path: 0o444, dir: 0o555} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestReadOnlyFile$", "-test.count=1")
	cmd.Env, cmd.Dir = append(os.Environ(), envReadOnly+"="+path), "/"
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("as somebody else: %v\n%s", err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o755); err != nil {
		t.Fatal(err)
	}
}
