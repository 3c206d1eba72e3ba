package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

const (
	// outbox is how many messages may wait for a program that does not read.
	outbox = 64
	// maxComplaints is how many malformed lines of one run are logged.
	maxComplaints = 10
	// patience is how long a reply may wait for a program that does not read.
	// Without an end the two would wait for each other.
	patience = 10 * time.Second
)

// link is the host's end of the protocol for one run: it carries out what the
// program asks for and tells it what it must know.
type link struct {
	task *runtime.Task
	run  context.Context // ends when the program must; its cause is what the program is told
	ctx  context.Context // for the calls it makes: they may also be made during the grace

	out    chan Message
	closed chan struct{}
	once   sync.Once

	deaf bool // the program does not read its replies; of the reading goroutine

	mu         sync.Mutex
	retryAfter time.Duration
	complaints int
}

func newLink(run context.Context, t *runtime.Task) (*link, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(run))
	l := &link{task: t, run: run, ctx: ctx, out: make(chan Message, outbox), closed: make(chan struct{})}
	hello := Message{Type: TypeHello, Version: ProtocolVersion}
	hello.Deadline, _ = run.Deadline()
	l.out <- hello
	return l, cancel
}

// write sends what is said until the link is closed or the program's end is.
func (l *link) write(w io.Writer) {
	enc := json.NewEncoder(w)
	for {
		select {
		case m := <-l.out:
			if enc.Encode(m) != nil {
				l.close()
				return
			}
		case <-l.closed:
			return
		}
	}
}

func (l *link) close() { l.once.Do(func() { close(l.closed) }) }

// notify says something nobody asked for. A program that does not read must
// not hold up its host, so a notice may be dropped.
func (l *link) notify(m Message) {
	select {
	case l.out <- m:
	case <-l.closed:
	default:
		l.complain(m.Type + " notice dropped: the program does not read descriptor 4")
	}
}

// read serves requests until r ends.
func (l *link) read(r io.Reader) {
	eachLine(r, MaxLine, func(line []byte, cut bool) {
		if len(bytes.TrimSpace(line)) == 0 {
			return
		}
		var m Message
		switch err := json.Unmarshal(line, &m); {
		case cut:
			l.complain(fmt.Sprintf("ignored a line of more than %d bytes on descriptor 3", MaxLine))
		case err != nil:
			l.complain("ignored a malformed line on descriptor 3: " + err.Error())
		default:
			l.serve(m)
		}
	})
}

// serve carries out one request and answers it if it wants an answer.
func (l *link) serve(m Message) {
	reply := Message{Type: TypeReply, ID: m.ID}
	results, err := l.carryOut(m)
	reply.Results, reply.Error = results, wireError(err)
	if len(m.ID) == 0 || string(m.ID) == "null" {
		if err != nil {
			l.complain(clip(m.Type, 40) + ": " + err.Error())
		}
		return
	}
	l.answer(reply)
}

// answer sends a reply, unless the program has shown that it does not read any.
func (l *link) answer(reply Message) {
	if l.deaf {
		return
	}
	select {
	case l.out <- reply:
	case <-l.closed:
	case <-time.After(patience):
		l.deaf = true
		l.complain("the program asks for replies but does not read descriptor 4; it gets no more")
	}
}

func (l *link) carryOut(m Message) ([]ChildResult, error) {
	host := l.task.Host
	switch m.Type {
	case TypeProgress:
		if m.Percent < 0 || m.Percent > 100 {
			return nil, runtime.Errorf(runtime.CodeInvalid, fmt.Sprintf("percent %v is not within 0 to 100", m.Percent))
		}
		return nil, host.Progress(l.ctx, m.Percent, m.Data)
	case TypeHeartbeat:
		return nil, context.Cause(l.run)
	case TypeExtend:
		by, err := runtime.ParseDuration(m.By)
		if err != nil {
			return nil, err
		}
		return nil, host.Extend(l.ctx, by)
	case TypeEnqueue:
		return l.enqueue(m.Tasks)
	case TypeLog:
		host.Log(m.Line)
		return nil, nil
	case TypeRetry:
		return nil, l.setRetry(m.After)
	}
	return nil, &runtime.Error{
		Code: runtime.CodeUnsupported, Message: fmt.Sprintf("no message of type %q", clip(m.Type, 40)),
		Hint: "this stem knows progress, heartbeat, extend, enqueue, log and retry",
	}
}

func (l *link) enqueue(tasks []ChildTask) ([]ChildResult, error) {
	requests := make([]runtime.Request, len(tasks))
	for i, t := range tasks {
		r, err := t.request()
		if err != nil {
			return nil, fmt.Errorf("task %d (%s): %w", i, clip(t.Name, 40), err)
		}
		requests[i] = r
	}
	published, err := l.task.Host.Enqueue(l.ctx, requests)
	if err != nil {
		return nil, err
	}
	results := make([]ChildResult, len(published))
	for i, p := range published {
		results[i] = ChildResult{Status: p.Status.String(), ID: p.ID, Error: wireError(p.Err)}
	}
	return results, nil
}

func (l *link) setRetry(after string) error {
	d, err := optionalDuration(after)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retryAfter = d
	return nil
}

// retry returns the wait the program asked for, 0 when it did not.
func (l *link) retry() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.retryAfter
}

// complain logs a mistake of the program, the first few times.
func (l *link) complain(what string) {
	l.mu.Lock()
	l.complaints++
	n := l.complaints
	l.mu.Unlock()
	switch {
	case n < maxComplaints:
		l.task.Host.Log("stem: " + what)
	case n == maxComplaints:
		l.task.Host.Log("stem: " + what + " (further complaints are left out)")
	}
}

// clip shortens what a program said before it is repeated.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "..."
}
