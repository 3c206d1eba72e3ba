//go:build unix

package httpyaml

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stem-jobs/stem/examples/internal/drive"
)

// shop is the service that the task calls. It is busy at the first try of each
// order and does not know order 404.
type shop struct {
	mu    sync.Mutex
	calls []string
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf("%s %s %s %s key=%s", r.Method, r.URL.Path, r.Header.Get("Authorization"), body, r.Header.Get("Idempotency-Key")))
	switch {
	case r.URL.Path == "/orders/404/shipment":
		http.Error(w, "no such order", http.StatusNotFound)
	case strings.Contains(string(body), `"attempt": 0`):
		w.Header().Set("Retry-After", "0")
		http.Error(w, "busy", http.StatusServiceUnavailable)
	default:
		fmt.Fprint(w, `{"parcel": "P-17"}`)
	}
}

func (s *shop) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func TestShop(t *testing.T) {
	service := &shop{}
	server := httptest.NewServer(service)
	defer server.Close()
	config, err := filepath.Abs("stem.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := drive.Build(t, "github.com/stem-jobs/stem/cmd/stem", "STEM_CONFIG="+config, "SHOP_URL="+server.URL, "SHOP_TOKEN=s3cret")
	p.Start("up")

	if got := p.Run("enqueue", "order.ship", `{"order": 17, "express": true}`, "--id", "ship-17", "--wait"); !strings.Contains(got, "P-17") {
		t.Errorf("result: %q", got)
	}
	want := []string{
		`PUT /orders/17/shipment Bearer s3cret {"express": true, "attempt": 0} key=ship-17`,
		`PUT /orders/17/shipment Bearer s3cret {"express": true, "attempt": 1} key=ship-17`,
	}
	if got := service.called(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the service was called:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// A status that no retry mends is a dead letter, whatever retries are left.
	_, stderr, code := p.Try("enqueue", "order.ship", `{"order": 404, "express": false}`, "--id", "ship-404", "--wait")
	if code != 1 || !strings.Contains(stderr, "status 404") || strings.Contains(stderr, "s3cret") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if got := p.Run("task", "show", "ship-404", "-o", "json", "--jq", ".log"); !strings.Contains(got, "no such order") {
		t.Errorf("log: %s", got)
	}
	// So is an argument that the template wants and the task lacks.
	if _, stderr, code = p.Try("enqueue", "order.ship", `{"express": true}`, "--wait"); code != 1 || !strings.Contains(stderr, "order") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if n := len(service.called()); n != 3 {
		t.Errorf("the service was called %d times", n)
	}
}
