package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func TestErrorIsComparesCodes(t *testing.T) {
	lost := fmt.Errorf("settle x: %w", &runtime.Error{Code: runtime.CodeLeaseLost, Op: "sqlite.Settle", Err: context.Canceled})
	if !errors.Is(lost, runtime.ErrLeaseLost) || errors.Is(lost, runtime.ErrFull) {
		t.Error("Is does not compare codes")
	}
	if !errors.Is(lost, context.Canceled) {
		t.Error("the cause is hidden")
	}
	if got := runtime.CodeOf(lost); got != runtime.CodeLeaseLost {
		t.Errorf("CodeOf: %q", got)
	}
	if runtime.CodeOf(errors.New("x")) != "" || runtime.CodeOf(nil) != "" {
		t.Error("an error without a code has one")
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("disk I/O error")
	for want, err := range map[string]*runtime.Error{
		"open store: disk I/O error":    {Code: runtime.CodeUnavailable, Op: "sqlite.Open", Message: "open store", Err: cause},
		"sqlite.Settle: disk I/O error": {Code: runtime.CodeUnavailable, Op: "sqlite.Settle", Err: cause},
		"open store":                    {Code: runtime.CodeDenied, Message: "open store", Hint: "never in the text"},
		"not_found":                     runtime.ErrNotFound,
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestHintOf(t *testing.T) {
	hinted := &runtime.Error{Code: runtime.CodeInvalid, Message: "m", Hint: "do this"}
	bare := &runtime.Error{Code: runtime.CodeFull, Message: "n"}
	for name, err := range map[string]error{
		"direct":  hinted,
		"wrapped": fmt.Errorf("a: %w", fmt.Errorf("b: %w", hinted)),
		"behind":  &runtime.Error{Code: runtime.CodeUnavailable, Err: hinted},
		"beside":  errors.Join(errors.New("x"), bare, fmt.Errorf("c: %w", hinted)),
	} {
		if got := runtime.HintOf(err); got != "do this" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if runtime.HintOf(bare) != "" || runtime.HintOf(nil) != "" || runtime.HintOf(errors.New("x")) != "" {
		t.Error("a hint from nowhere")
	}
}

func TestCheckWords(t *testing.T) {
	for _, good := range []string{"a", "A-1_2.b:c", strings.Repeat("x", 128)} {
		if err := runtime.CheckID("task id", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, good := range []string{"mail/send@v2", "demo.hello"} {
		if err := runtime.CheckName("task name", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a b", "a/b", "a@b", "é", "a\x00", "a\x1b[31m", "a\n", strings.Repeat("x", 129)} {
		err := runtime.CheckID("task id", bad)
		if !errors.Is(err, runtime.ErrInvalid) || !strings.HasPrefix(err.Error(), "task id") {
			t.Errorf("%q: %v", bad, err)
			continue
		}
		if strings.ContainsAny(err.Error(), "\x00\x1b\n") {
			t.Errorf("%q: the message repeats control characters: %q", bad, err)
		}
	}
}
