package memory

import (
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func openURL(t *testing.T, url string, o runtime.OpenOptions) *runtime.Backend {
	t.Helper()
	b, err := runtime.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func knows(t *testing.T, b *runtime.Backend, id string) bool {
	t.Helper()
	rs, err := b.Results.Get(t.Context(), []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return rs[0].State != ""
}

func TestOpenURLs(t *testing.T) {
	for _, url := range []string{"memory:", "memory://", "memory://jobs", "MEMORY://jobs"} {
		if b := openURL(t, url, runtime.OpenOptions{}); b.Info.Driver != "memory" || b.Info.URL != url || b.Info.Shared {
			t.Errorf("%s: %+v", url, b.Info)
		}
	}
	for _, url := range []string{"memory:jobs", "memory:/jobs", "memory://a/b", "memory://a?x=1", "memory://two words"} {
		if _, err := runtime.Open(t.Context(), url, runtime.OpenOptions{}); runtime.CodeOf(err) != runtime.CodeInvalid || runtime.HintOf(err) == "" {
			t.Errorf("%s: %v; want invalid, with a hint", url, err)
		}
	}
}

func TestOpenPrivateIsPrivate(t *testing.T) {
	a, b := openURL(t, "memory:", runtime.OpenOptions{}), openURL(t, "memory:", runtime.OpenOptions{})
	publish(t, a, publication("x"))
	if !knows(t, a, "x") || knows(t, b, "x") {
		t.Fatal("two private stores are one")
	}
}

func TestOpenSharedLivesUntilTheLastClose(t *testing.T) {
	const url = "memory://shared-test"
	a, b := openURL(t, url, runtime.OpenOptions{}), openURL(t, url, runtime.OpenOptions{})
	if !a.Info.Created || b.Info.Created {
		t.Fatalf("created: %v, %v; want the first alone", a.Info.Created, b.Info.Created)
	}
	publish(t, a, publication("x"))
	for range 2 { // the second Close of the same opening must not count
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Results.Get(t.Context(), []string{"x"}); runtime.CodeOf(err) != runtime.CodeUnavailable {
		t.Fatalf("after Close: %v; want unavailable", err)
	}
	if !knows(t, b, "x") {
		t.Fatal("the store went with the first of two closes")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if c := openURL(t, url, runtime.OpenOptions{}); !c.Info.Created || knows(t, c, "x") {
		t.Fatal("the store outlives its last close")
	}
}

func TestOpenReadOnlyCreatesNothing(t *testing.T) {
	ro := runtime.OpenOptions{ReadOnly: true}
	if _, err := runtime.Open(t.Context(), "memory://read-only-test", ro); runtime.CodeOf(err) != runtime.CodeDenied {
		t.Fatalf("open what does not exist: %v; want denied", err)
	}
	openURL(t, "memory://read-only-test", runtime.OpenOptions{})
	openURL(t, "memory://read-only-test", ro)
}
