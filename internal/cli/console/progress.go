package console

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	barWidth     = 24
	redrawEvery  = 100 * time.Millisecond
	logLineEvery = 10 * time.Second
)

// Progress shows how far a long piece of work is: a bar that redraws on a
// terminal, a line every ten seconds elsewhere.
//
//   - Concurrency: safe for use by many goroutines.
type Progress struct {
	c     *Console
	label string
	now   func() time.Time

	mu      sync.Mutex
	total   int64
	done    int64
	note    string
	started time.Time
	drawn   time.Time
	width   int // of the line on screen, to erase it
}

// NewProgress starts a progress display of total items; 0 is unknown.
func (c *Console) NewProgress(label string, total int64) *Progress {
	now := time.Now()
	p := &Progress{c: c, label: label, total: total, now: time.Now, started: now}
	if !c.redraws() {
		p.drawn = now // the first line comes after ten seconds, not at once
	}
	return p
}

func (c *Console) redraws() bool { return c.ErrTTY && !c.Accessible && c.Env("TERM") != "dumb" }

// Set tells how many are done, with a short remark ("3 failed").
func (p *Progress) Set(done int64, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.note = done, note
	every := logLineEvery
	if p.c.redraws() {
		every = redrawEvery
	}
	if now := p.now(); now.Sub(p.drawn) >= every {
		p.drawn = now
		p.draw()
	}
}

// Done draws the last state and ends the line, or erases it when keep is false.
func (p *Progress) Done(keep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.c.redraws() {
		return
	}
	if keep {
		p.draw()
		fmt.Fprintln(p.c.Err)
		return
	}
	fmt.Fprintf(p.c.Err, "\r%s\r", strings.Repeat(" ", p.width))
}

func (p *Progress) draw() {
	line := p.line()
	if !p.c.redraws() {
		fmt.Fprintln(p.c.Err, line)
		return
	}
	if limit := p.c.Width - 1; limit > 0 && len([]rune(line)) > limit {
		line = string([]rune(line)[:limit]) // a wrapped line cannot be redrawn
	}
	n := len([]rune(line))
	fmt.Fprintf(p.c.Err, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-n)))
	p.width = n
}

func (p *Progress) line() string {
	elapsed := p.now().Sub(p.started).Seconds()
	var rate float64
	if elapsed > 0 {
		rate = float64(p.done) / elapsed
	}
	parts := []string{p.label}
	if p.total > 0 {
		if p.c.redraws() {
			parts = append(parts, bar(p.done, p.total))
		}
		parts = append(parts, fmt.Sprintf("%d/%d", p.done, p.total))
	} else {
		parts = append(parts, fmt.Sprint(p.done))
	}
	parts = append(parts, fmt.Sprintf("%.0f/s", rate))
	if left := p.total - p.done; p.total > 0 && left > 0 && rate > 0 {
		eta := time.Duration(float64(left) / rate * float64(time.Second))
		parts = append(parts, "ETA "+eta.Round(time.Second).String())
	}
	if p.note != "" {
		parts = append(parts, p.note)
	}
	return strings.Join(parts, "  ")
}

func bar(done, total int64) string {
	full := int(min(done, total) * barWidth / total)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "]"
}
