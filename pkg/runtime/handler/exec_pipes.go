package handler

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"sync"
	"time"
)

// pipes are the five ways between a worker and a program. They are pipes of our
// own, not those of os/exec, because reading must go on after the program has
// ended and stop although a stray process holds one open.
type pipes struct {
	stdin, stdout, stderr *os.File // our ends
	from, to              *os.File // descriptors 3 and 4 of the program; nil without
	theirs                []*os.File
}

func newPipes() (*pipes, error) {
	p := &pipes{}
	var err error
	reading := func(ours **os.File) { // we read, they write
		if err == nil {
			var w *os.File
			*ours, w, err = os.Pipe()
			p.theirs = append(p.theirs, w)
		}
	}
	writing := func(ours **os.File) {
		if err == nil {
			var r *os.File
			r, *ours, err = os.Pipe()
			p.theirs = append(p.theirs, r)
		}
	}
	writing(&p.stdin)
	reading(&p.stdout)
	reading(&p.stderr)
	if canLink {
		reading(&p.from)
		writing(&p.to)
	}
	if err != nil {
		p.closeTheirs()
		p.closeOurs()
		return nil, err
	}
	return p, nil
}

// attach gives the program its ends.
func (p *pipes) attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.theirs[0], p.theirs[1], p.theirs[2]
	cmd.ExtraFiles = p.theirs[3:]
}

func (p *pipes) closeTheirs() { closeAll(p.theirs) }

func (p *pipes) closeOurs() {
	closeAll([]*os.File{p.stdin, p.stdout, p.stderr, p.from, p.to})
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // pipes: nothing is lost
		}
	}
}

// serve moves everything until the program has ended; done ends what still
// moves and returns when all of it has stopped.
func (p *pipes) serve(args json.RawMessage, out *output, l *link) (done func()) {
	var reading, writing sync.WaitGroup
	writing.Go(func() {
		if len(args) == 0 {
			args = json.RawMessage("{}")
		}
		// A program that does not want its arguments closes stdin or exits.
		_, _ = p.stdin.Write(append(args[:len(args):len(args)], '\n'))
		_ = p.stdin.Close()
	})
	reading.Go(func() { out.stdout(p.stdout) })
	reading.Go(func() { out.stderr(p.stderr) })
	if p.from != nil {
		reading.Go(func() { l.read(p.from) })
		writing.Go(func() { l.write(p.to) })
	}
	return func() {
		p.stopReading(&reading)
		l.close()
		p.closeOurs()
		writing.Wait()
	}
}

// stopReading lets the readers take what is still in the pipes, for a while.
// Systems whose pipes have no deadlines have no stray processes we know of
// either, but closing ends the read there too.
func (p *pipes) stopReading(readers *sync.WaitGroup) {
	limit := time.Now().Add(drainTime)
	for _, f := range []*os.File{p.stdout, p.stderr, p.from} {
		if f != nil && errors.Is(f.SetReadDeadline(limit), os.ErrNoDeadline) {
			stop := time.AfterFunc(drainTime, func() { _ = f.Close() })
			defer stop.Stop()
		}
	}
	readers.Wait()
}
