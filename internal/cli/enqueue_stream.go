package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/stem"
)

// maxLine bounds one line of --stdin.
const maxLine = 8 << 20

// stream enqueues one task a line, batch by batch, and prints an id (or a
// result) for each in the order of the lines. Bad lines are told and skipped.
func (o *enqueueOptions) stream(ctx context.Context) error {
	opened, err := o.app.openToEnqueue(ctx)
	if err != nil {
		return err
	}
	s := &lineStream{o: o, opened: opened}
	if o.app.console.ErrTTY && !o.app.flags.quiet {
		s.progress = o.app.console.NewProgress("enqueueing", 0)
	}
	err = s.read(ctx)
	if s.progress != nil {
		s.progress.Done(true)
	}
	if err != nil {
		return err
	}
	if s.existed > 0 {
		o.app.hint("%d of %d tasks existed already and were not enqueued again", s.existed, s.lines)
	}
	if s.bad > 0 {
		o.app.console.Notef("stem: %d of %d lines were not enqueued", s.bad, s.lines)
		if s.bad == s.lines {
			return negative(exitUsage)
		}
		return negative(exitPartial)
	}
	return nil
}

// lineStream is a stream in progress.
type lineStream struct {
	o        *enqueueOptions
	opened   *stem.App
	progress *console.Progress
	looked   map[string]error // names that were looked up, with what was wrong
	existed  int
	pending  []runtime.Request
	numbers  []int // the line of each pending request
	number   int   // of the line that was read last
	lines    int   // that were not blank
	bad      int
}

// inputLine is one line as it was read: text without its end, and whether more
// has come behind it. The last one has the error that ended the input.
type inputLine struct {
	text []byte
	more bool
	err  error
}

// read takes lines as they come. They are read in a goroutine of their own,
// because a read of standard input cannot be interrupted and the person can.
func (s *lineStream) read(ctx context.Context) error {
	lines := make(chan inputLine)
	go feedLines(ctx, s.o.app.console.In, lines)
	for {
		var in inputLine
		select {
		case in = <-lines:
		case <-ctx.Done():
			return ctx.Err()
		}
		if in.err != nil && !errors.Is(in.err, io.EOF) {
			return fmt.Errorf("read line %d of standard input: %w", s.number+1, in.err)
		}
		if err := s.line(in.text); err != nil {
			return err
		}
		// What has come goes before the next read blocks, however slow the writer.
		if !in.more || len(s.pending) >= s.o.batch {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
		if in.err != nil {
			return nil
		}
	}
}

func feedLines(ctx context.Context, from io.Reader, lines chan<- inputLine) {
	in := bufio.NewReaderSize(from, 64<<10)
	for {
		text, err := readLine(in)
		select {
		case lines <- inputLine{text: text, more: err == nil && in.Buffered() > 0, err: err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// readLine returns the next line, which may be the last without a newline, then
// with io.EOF.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, fmt.Errorf("it is longer than %d bytes", maxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func (s *lineStream) line(text []byte) error {
	s.number++
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	s.lines++
	request, err := parseLine(text)
	if err == nil {
		err = s.known(request.Name)
	}
	if err != nil {
		return s.reject(s.number, err)
	}
	s.pending = append(s.pending, request)
	s.numbers = append(s.numbers, s.number)
	return nil
}

// known looks at each name once, as for a single task.
func (s *lineStream) known(name string) error {
	if s.looked == nil {
		s.looked = map[string]error{}
	}
	err, done := s.looked[name]
	if !done {
		err = s.o.known(s.opened, name)
		s.looked[name] = err
	}
	return err
}

func parseLine(text []byte) (runtime.Request, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var c call
	if err := d.Decode(&c); err != nil {
		return runtime.Request{}, plainJSONError(err)
	}
	return c.request()
}

// reject tells about a bad line and ends the stream when there are too many.
func (s *lineStream) reject(line int, err error) error {
	s.bad++
	s.o.app.console.Notef("stem: line %d: %s", line, console.Safe(err.Error()))
	if s.o.maxErrors > 0 && s.bad >= s.o.maxErrors {
		return &failure{code: exitPartial, err: fmt.Errorf("stopped at line %d: %d bad lines", line, s.bad)}
	}
	return nil
}

func (s *lineStream) flush(ctx context.Context) error {
	if len(s.pending) == 0 {
		return nil
	}
	requests, numbers := s.pending, s.numbers
	s.pending, s.numbers = nil, nil
	if s.o.dryRun {
		return s.rehearse(ctx, requests, numbers)
	}
	ctx, cancel := s.o.app.withTimeout(ctx)
	defer cancel()
	results, err := s.opened.Client().EnqueueMany(ctx, requests)
	if err != nil {
		return fmt.Errorf("enqueue lines %d to %d: %w", numbers[0], numbers[len(numbers)-1], err)
	}
	for i, r := range results {
		if err := s.tell(numbers[i], newResultView(requests[i].Name, r), r); err != nil {
			return err
		}
	}
	if s.progress != nil {
		s.progress.Set(int64(s.lines-s.bad), "")
	}
	return nil
}

func (s *lineStream) tell(line int, v resultView, r runtime.PublishResult) error {
	if r.Status == runtime.Invalid || r.Status == runtime.Full {
		err := r.Err
		if err == nil {
			err = fmt.Errorf("%s", r.Status)
		}
		return s.reject(line, err)
	}
	if r.Status == runtime.Exists {
		s.existed++
	}
	if s.o.app.printer.Structured() {
		return printer.PrintList(s.perLine(), printer.List[resultView]{Items: []resultView{v}})
	}
	return s.o.print(v)
}

// perLine is the printer for a stream of results: one JSON object a line,
// whatever structured format was asked for, because the end is not known.
func (s *lineStream) perLine() *printer.Printer {
	p := *s.o.app.printer
	if p.Format == "json" {
		p.Format = "jsonl"
	}
	return &p
}

// rehearse prepares the requests and publishes nothing.
func (s *lineStream) rehearse(ctx context.Context, requests []runtime.Request, numbers []int) error {
	for i, r := range requests {
		pub, err := s.opened.Client().Prepare(ctx, r)
		if err != nil {
			if err := s.reject(numbers[i], err); err != nil {
				return err
			}
			continue
		}
		v := resultView{ID: pub.Envelope.ID, Task: r.Name, Status: "valid", DryRun: true}
		if err := s.tell(numbers[i], v, runtime.PublishResult{Status: runtime.Accepted}); err != nil {
			return err
		}
	}
	return nil
}

// plainJSONError says what is wrong with a line without the names of Go's types.
func plainJSONError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return usagef("", "the key %s does not take a %s", wrong.Field, wrong.Value)
	}
	if key, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		key = strings.Trim(key, `"`)
		hint := "see: stem enqueue --help"
		if near := nearest(strings.ReplaceAll(key, "-", ""), callKeys); near != "" {
			hint = "did you mean: " + near
		}
		return usagef(hint, "there is no key %q (%s)", key, hint)
	}
	return fmt.Errorf("it is not JSON: %w", err)
}

// callKeys are the keys of a line.
var callKeys = []string{
	"task", "args", "id", "queue", "priority", "retries", "delay", "at", "expires", "softLimit", "hardLimit", "uniqueKey",
	"uniqueFor", "keep", "encoding", "headers", "meta", "ignoreResult", "then", "onFailure",
}
