//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// The files hold what the tasks are about: nobody else may read them, whatever
// the user's umask is.
func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "new", "store")
	b := open(t, "sqlite:"+filepath.Join(dir, "stem.db"))
	publish(t, b, ids(1)...)
	for _, d := range []string{dir, filepath.Dir(dir)} {
		wantMode(t, d, 0o700)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		wantMode(t, filepath.Join(dir, e.Name()), 0o600)
	}
	if want := []string{"stem.db", "stem.db-shm", "stem.db-wake", "stem.db-wal"}; !slices.Equal(names, want) {
		t.Errorf("files %v; want %v", names, want)
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has the mode %o; want %o", path, info.Mode().Perm(), want)
	}
}

// Who gave a file to a group wants the group to be heard as well.
func TestWakeFileHasTheModeOfTheStore(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := newPath(t)
	if err := open(t, "sqlite:"+path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	b := open(t, "sqlite:"+path)
	publish(t, b, ids(1)...)
	wantMode(t, path+"-wake", 0o660)
}
