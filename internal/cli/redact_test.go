package cli

import (
	"encoding/json"
	"testing"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		`{"user":"ada","password":"hunter2"}`:                `{"password":"***","user":"ada"}`,
		`{"a":[{"API_KEY":{"x":1},"n":9007199254740993}]}`:   `{"a":[{"API_KEY":"***","n":9007199254740993}]}`,
		`{"note":"the password is in the mail","size":1.50}`: `{"note":"the password is in the mail","size":1.50}`,
		`{"size": 1.50}`:        `{"size": 1.50}`,
		`password, but no JSON`: `password, but no JSON`,
	} {
		if got := string(redact(json.RawMessage(in))); got != want {
			t.Errorf("redact(%s) = %s, want %s", in, got, want)
		}
	}
	h := redactHeaders(map[string]string{"Authorization": "Bearer x", "tenant": "a"})
	if h["Authorization"] != "***" || h["tenant"] != "a" {
		t.Errorf("headers: %v", h)
	}
}

func TestShowHidesSecrets(t *testing.T) {
	w := newWorkplace(t)
	w.stem(exitOK, "enqueue", "test.obey", `{"n": 1, "db_password": "hunter2"}`, "--id", "t1", "-H", "x-token=abc")
	for _, format := range []string{"", "json", "yaml"} {
		if out, _ := w.stem(exitOK, "task", "show", "t1", "-o", format); containsAny(out, "hunter2", "abc") {
			t.Errorf("-o %s shows a secret: %s", format, out)
		}
	}
	if out, _ := w.stem(exitOK, "task", "show", "t1", "--reveal"); !containsAny(out, "hunter2") {
		t.Errorf("--reveal does not: %s", out)
	}
}
