package runtime_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// recordingDriver remembers the URL it was asked to open.
type recordingDriver struct {
	schemes []string
	opened  *string
}

func (d recordingDriver) Schemes() []string { return d.schemes }

func (d recordingDriver) Open(_ context.Context, url string, _ runtime.OpenOptions) (*runtime.Backend, error) {
	*d.opened = url
	return &runtime.Backend{}, nil
}

// The one test that registers drivers: the list is the process's.
func TestOpenFindsTheDriver(t *testing.T) {
	var opened string
	runtime.Register(recordingDriver{[]string{"sqlite", "fake"}, &opened})
	for url, want := range map[string]string{
		"fake://h/1": "fake://h/1", "FAKE:x": "FAKE:x", "dir/stem.db": "sqlite:dir/stem.db", "sqlite:/a.db": "sqlite:/a.db",
	} {
		if _, err := runtime.Open(context.Background(), url, runtime.OpenOptions{}); err != nil || opened != want {
			t.Errorf("%s opened %q, %v", url, opened, err)
		}
	}
	_, err := runtime.Open(context.Background(), "mongo://u:hunter2@h", runtime.OpenOptions{})
	if !errors.Is(err, runtime.ErrUnsupported) || !strings.Contains(runtime.HintOf(err), "fake, sqlite") {
		t.Errorf("got %v, hint %q", err, runtime.HintOf(err))
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is in the message: %v", err)
	}
	if got := runtime.Drivers(); !slices.Equal(got, []string{"fake", "sqlite"}) {
		t.Errorf("drivers: %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a scheme was registered twice without a panic")
		}
	}()
	runtime.Register(recordingDriver{[]string{"fake"}, &opened})
}

func TestMaskURL(t *testing.T) {
	for raw, want := range map[string]string{
		"redis://localhost:6379/0":                     "redis://localhost:6379/0",
		"redis://:hunter2@h:6379/0":                    "redis://:***@h:6379/0",
		"postgres://ann:hunter2@h/db?sslmode=disable":  "postgres://ann:***@h/db?sslmode=disable",
		"postgres://ann@h:5432/db":                     "postgres://ann@h:5432/db",
		"postgres://a%40b:hunter2@h/db":                "postgres://a%40b:***@h/db",
		"postgres://ann:hunter2@hunter2@h/db":          "postgres://ann:***@h/db",
		"postgres://ann:hunter2/hunter2@h/db":          "postgres://ann:***@h/db",
		"postgres://ann:12#hunter2@h/db":               "postgres://ann:***@h/db",
		"postgres://ann:%zzhunter2@h/db":               "postgres://ann:***@h/db",
		"postgres://ann:hunter2?@h/db":                 "postgres://ann:***@h/db",
		"ann:hunter2@tcp(h:3306)/db":                   "ann:***@tcp(h:3306)/db",
		"redis://h/0?password=hunter2&db=1":            "redis://h/0?password=***&db=1",
		"redis://h/0?db=1&AUTH_TOKEN=hunter2":          "redis://h/0?db=1&AUTH_TOKEN=***",
		"https://h/p?api_key=hunter2;x=1#f":            "https://h/p?api_key=***;x=1#f",
		"https://h/p?client-secret=hunter2#f":          "https://h/p?client-secret=***#f",
		"host=h user=ann password=hunter2 dbname=d":    "host=h user=ann password=*** dbname=d",
		"host=h password='hunter2 hunter2' dbname=d":   "host=h password=*** dbname=d",
		"sqlite:///srv/stem.db?mode=ro":                "sqlite:///srv/stem.db?mode=ro",
		"sqlite:///srv/a:b@c/stem.db":                  "sqlite:///srv/a:b@c/stem.db",
		"sqlite:/srv/a@b.db":                           "sqlite:/srv/a@b.db",
		"memory:":                                      "memory:",
		"":                                             "",
		"\x7f://ann:hunter2@h":                         "\x7f://ann:***@h",
		"redis://ann:hunter2@h/0?password=hunter2&a=b": "redis://ann:***@h/0?password=***&a=b",
	} {
		if got := runtime.MaskURL(raw); got != want {
			t.Errorf("%s\n got %s\nwant %s", raw, got, want)
		}
	}
}

func FuzzMaskURLHidesPasswords(f *testing.F) {
	f.Add("postgres", "ann", "hun/te@r?2#", "h/db")
	f.Add("redis", "", ":", "h")
	f.Fuzz(func(t *testing.T, scheme, user, password, host string) {
		secret := password + "S3CRET"
		if strings.ContainsAny(scheme+user, ":@/") || scheme == "" || strings.Contains(user+host, "S3CRET") {
			return
		}
		url := scheme + "://" + user + ":" + secret + "@" + host
		if strings.Contains(runtime.MaskURL(url), "S3CRET") {
			t.Errorf("%q is masked as %q", url, runtime.MaskURL(url))
		}
	})
}

func TestBackendClose(t *testing.T) {
	closed := errors.New("closed")
	var none *runtime.Backend
	if none.Close() != nil || (&runtime.Backend{}).Close() != nil {
		t.Error("closing nothing is an error")
	}
	b := &runtime.Backend{CloseFunc: func() error { return closed }}
	if !errors.Is(b.Close(), closed) {
		t.Error("CloseFunc was not called")
	}
}
