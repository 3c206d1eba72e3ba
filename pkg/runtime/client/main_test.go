package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when all of these tests happen.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

func noop(context.Context, *runtime.Task) (json.RawMessage, error) { return nil, nil }

// preparer is a client without a store: Prepare is pure.
func preparer(o client.Options) *client.Client {
	o.Clock = atNoon
	return client.New(&runtime.Backend{}, o)
}

func registry(t *testing.T, defs ...runtime.Definition) *runtime.Registry {
	t.Helper()
	for i := range defs {
		defs[i].Run = noop
	}
	r, err := runtime.NewRegistry(defs...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func prepare(t *testing.T, c *client.Client, r runtime.Request) runtime.Publication {
	t.Helper()
	return prepareIn(t, context.Background(), c, r)
}

func prepareIn(t *testing.T, ctx context.Context, c *client.Client, r runtime.Request) runtime.Publication {
	t.Helper()
	p, err := c.Prepare(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused asserts that an error is ErrInvalid and says each of the words.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if !errors.Is(err, runtime.ErrInvalid) {
		t.Errorf("got %v", err)
		return
	}
	text := err.Error() + " " + runtime.HintOf(err)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\x00\x1b\n") {
		t.Errorf("the message repeats control characters: %q", err)
	}
}

// meta returns the raw value of a key, "" when it is absent.
func meta(p runtime.Publication, key string) string { return string(p.Envelope.Meta[key]) }
