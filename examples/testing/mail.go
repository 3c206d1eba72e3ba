// Package mail is a task and the code that enqueues it, written so that both can
// be tested without a store: mail_test.go is what this example is about.
package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

type Mail struct {
	To   []string `json:"to"`
	Text string   `json:"text"`
}

// Send delivers one mail. It stops between two recipients when the task is no
// longer its own, and asks for more time when the server says that it is slow.
var Send = stem.Define("mail.send", send, stem.Retries(5), stem.SoftLimit(20*time.Second), stem.HardLimit(30*time.Second))

func send(ctx context.Context, m Mail) (int, error) {
	t := stem.FromContext(ctx)
	for i, to := range m.To {
		if !strings.Contains(to, "@") {
			return i, stem.Permanent(fmt.Errorf("%q is no address", to))
		}
		if strings.HasSuffix(to, "@slow.example.org") {
			if err := t.Extend(time.Minute); err != nil {
				return i, err
			}
		}
		t.Logf("sent to %s", to)
		if err := t.Progress(float64(i+1)/float64(len(m.To))*100, nil); err != nil {
			return i, err
		}
		select {
		case <-t.SoftLimit():
			return i, stem.RetryAfter(time.Minute, errors.New("ran out of time"))
		default:
		}
	}
	return len(m.To), nil
}

// Queue is what Welcome needs of stem: a *client.Client, or a recorder in tests.
type Queue interface {
	Enqueue(context.Context, runtime.Request) (runtime.PublishResult, error)
}

// Welcome enqueues the mail that a new user gets, once, a day after they came.
func Welcome(ctx context.Context, q Queue, user, address string) error {
	r, err := Send.Request(Mail{To: []string{address}, Text: "Welcome!"}, stem.ID("welcome-"+user), stem.Delay(24*time.Hour))
	if err != nil {
		return err
	}
	_, err = q.Enqueue(ctx, r)
	return err
}
