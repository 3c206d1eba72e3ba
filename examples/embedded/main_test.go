package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// start runs the service on a free port and returns its URL and what ends it.
func start(t *testing.T, storeURL string) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, storeURL) }()
	return "http://" + l.Addr().String(), func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with: %v", err)
		}
	}
}

// ask sends a request and returns the status and the JSON that came back.
func ask(t *testing.T, method, url, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out) // errors are text
	return resp.StatusCode, out
}

func TestService(t *testing.T) {
	stores := map[string]string{
		"memory": "memory:",
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "greetings.db"),
	}
	for name, storeURL := range stores {
		t.Run(name, func(t *testing.T) {
			url, stop := start(t, storeURL)
			defer stop()
			code, accepted := ask(t, "POST", url+"/greetings", `{"name": "Ada"}`)
			id, _ := accepted["id"].(string)
			if code != http.StatusAccepted || id == "" {
				t.Fatalf("POST: %d %v", code, accepted)
			}
			code, got := ask(t, "GET", url+"/greetings/"+id+"?wait=30s", "")
			if code != http.StatusOK || got["greeting"] != "Hello Ada" {
				t.Errorf("GET: %d %v", code, got)
			}
			if code, _ = ask(t, "GET", url+"/greetings/nobody-asked", ""); code != http.StatusNotFound {
				t.Errorf("GET of an unknown id: %d", code)
			}
			if code, _ = ask(t, "POST", url+"/greetings", `Ada`); code != http.StatusBadRequest {
				t.Errorf("POST of nonsense: %d", code)
			}
		})
	}
}

// What one process accepted, the next one knows.
func TestServiceIsRestarted(t *testing.T) {
	storeURL := "sqlite:" + filepath.Join(t.TempDir(), "greetings.db")
	url, stop := start(t, storeURL)
	_, accepted := ask(t, "POST", url+"/greetings", `{"name": "Grace"}`)
	stop()
	url, stop = start(t, storeURL)
	defer stop()
	code, got := ask(t, "GET", url+"/greetings/"+accepted["id"].(string)+"?wait=30s", "")
	if code != http.StatusOK || got["greeting"] != "Hello Grace" {
		t.Errorf("after the restart: %d %v", code, got)
	}
}
