package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
)

func TestOpenURLs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for url, path := range map[string]string{
		"sqlite:a.db":                                          "a.db",
		"sqlite://b.db":                                        "b.db",
		"sqlite://sub/deep/c.db":                               "sub/deep/c.db",
		"sqlite://" + dir + "/d.db":                            "d.db",
		"sqlite:" + dir + "/e.db":                              "e.db",
		"sqlite:f.db?synchronous=full&max_pages=9000":          "f.db",
		"sqlite:with%20space%20and%20%3F.db":                   "with space and ?.db",
		"sqlite:g.db?lock_wait=2s&synchronous=Extra&max_pages": "",
		"g2.db": "g2.db",
	} {
		b, err := runtime.Open(t.Context(), url, runtime.OpenOptions{})
		if path == "" {
			if !errors.Is(err, runtime.ErrInvalid) {
				t.Errorf("%s: %v; want invalid", url, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if !b.Info.Created || b.Info.Driver != "sqlite" || !b.Info.Shared || b.Info.Version == "" || b.Info.Schema == 0 {
			t.Errorf("%s: info %+v", url, b.Info)
		}
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("close %s: %v", url, err)
		}
	}
}

func TestOpenBadURLs(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, url := range []string{
		"sqlite:", "sqlite://", "sqlite::memory:", "sqlite:x.db?synchronous=maybe", "sqlite:x.db?cache=shared",
		"sqlite:x.db?max_pages=-1", "sqlite:x.db?lock_wait=soon", "sqlite:%zz.db", "sqlite:x.db?%zz",
	} {
		refused(t, url, runtime.ErrInvalid)
	}
	if left, _ := os.ReadDir("."); len(left) != 0 {
		t.Errorf("files were made for bad URLs: %v", left)
	}
}

func TestOpenAgain(t *testing.T) {
	path := newPath(t)
	b := open(t, "sqlite:"+path)
	publish(t, b, "a")
	again := open(t, "sqlite:"+path)
	if again.Info.Created {
		t.Error("the second open says that it created the store")
	}
	if ds := receive(t, again, 10); len(ds) != 1 || ds[0].Lease.TaskID != "a" {
		t.Fatalf("the second open sees %v; want a", ds)
	}
}

// Many processes may find an empty file at the same moment.
func TestOpenAtOnce(t *testing.T) {
	path := newPath(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			b, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+path, runtime.OpenOptions{})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestOpenReadOnlyOption(t *testing.T) {
	path := newPath(t)
	readOnly := runtime.OpenOptions{ReadOnly: true}
	_, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+path, readOnly)
	if !errors.Is(err, runtime.ErrNotFound) {
		t.Fatalf("open what is not there: %v; want not found", err)
	}
	publish(t, open(t, "sqlite:"+path), "a")
	b, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+path, readOnly)
	if err != nil {
		t.Fatal(err)
	}
	if s := stat(t, b); s.Ready != 1 {
		t.Errorf("stats %+v; want one ready", s)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := userDB(t, path).Exec(`UPDATE stem_meta SET value = '1' WHERE key = 'schema'`); err != nil {
		t.Fatal(err)
	}
	if _, err := (sqlite.Driver{}).Open(t.Context(), "sqlite:"+path, readOnly); !errors.Is(err, runtime.ErrIncompatible) {
		t.Fatalf("open an older schema: %v; want incompatible", err)
	}
}

func TestOpenNewerSchema(t *testing.T) {
	path := newPath(t)
	publish(t, open(t, "sqlite:"+path), "a")
	if _, err := userDB(t, path).Exec(`UPDATE stem_meta SET value = '7' WHERE key = 'schema'`); err != nil {
		t.Fatal(err)
	}
	err := refused(t, "sqlite://"+path, runtime.ErrIncompatible)
	want := "cannot open store sqlite://" + path + ": the file is from a newer version (schema 7, this binary knows 2)"
	if err.Error() != want {
		t.Errorf("error %q\nwant  %q", err, want)
	}
	if hint := runtime.HintOf(err); hint != "upgrade stem, or point store at another file" {
		t.Errorf("hint %q", hint)
	}
}

func TestOpenCorrupt(t *testing.T) {
	dir := t.TempDir()
	cases := map[string][]byte{
		"text.db":  bytes.Repeat([]byte("this is no database\n"), 500),
		"magic.db": append([]byte("SQLite format 3\x00"), bytes.Repeat([]byte{0xee}, 8176)...),
	}
	for name, content := range cases {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		err := refused(t, "sqlite:"+path, runtime.ErrCorrupt)
		if !strings.HasPrefix(err.Error(), "cannot open store sqlite:"+path+": ") {
			t.Errorf("%s: error %q does not begin with what failed", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
}

// A page in the middle is gone: what needs it fails with a clear error, and
// nothing panics or spins.
func TestDamagedWhileClosed(t *testing.T) {
	path := newPath(t)
	b, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+path, runtime.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		publish(t, b, ids(100)...)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, path)
	again, err := sqlite.Driver{}.Open(t.Context(), "sqlite:"+path, runtime.OpenOptions{})
	if err == nil {
		defer again.Close()
		_, err = again.Broker.Receive(t.Context(), runtime.Receive{
			Consumer: worker, Queues: []runtime.QueueShare{{Queue: "default"}}, Max: 1000, Lease: 1e9,
		})
	}
	if !errors.Is(err, runtime.ErrCorrupt) || runtime.HintOf(err) == "" {
		t.Fatalf("a damaged file: %v; want corrupt, with a hint", err)
	}
}

// damage overwrites all pages but the first.
func damage(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xaa}, int(info.Size())-40960), 40960); err != nil {
		t.Fatal(err)
	}
}

func TestOpenDirectory(t *testing.T) {
	refused(t, "sqlite:"+t.TempDir(), runtime.ErrInvalid)
}

func TestOpenBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, "sqlite:"+filepath.Join(file, "stem.db"), runtime.ErrDenied)
}
