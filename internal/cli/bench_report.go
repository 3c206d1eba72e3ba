package cli

import (
	"fmt"
	"io"
	"math"
	goruntime "runtime"
	"strconv"
	"time"

	"github.com/stem-jobs/stem/internal/cli/console"
	"github.com/stem-jobs/stem/internal/cli/printer"
)

// measurement is one row of the table.
type measurement struct {
	Name  string
	Tasks int64
	took  time.Duration
	cpu   time.Duration // of this process; negative: this system does not tell
	waits []time.Duration
	paced bool // it waits between tasks: rate and CPU would say nothing
}

// measure times one step. One that did nothing leaves no row.
func (b *benchRun) measure(name string, f func(*measurement) error) error {
	m := measurement{Name: name}
	cpu, start := processCPU(), time.Now()
	err := f(&m)
	if m.took == 0 {
		m.took = time.Since(start)
	}
	m.cpu = processCPU() - cpu
	if cpu < 0 {
		m.cpu = -1
	}
	if m.Tasks > 0 {
		b.measured = append(b.measured, m)
	}
	return err
}

// measurementView is a measurement in JSON. What was not measured is null.
type measurementView struct {
	Name         string   `json:"name"`
	Tasks        int64    `json:"tasks"`
	TookMs       int64    `json:"tookMs"`
	PerSecond    *float64 `json:"perSecond"`
	CPUMsPer1000 *float64 `json:"cpuMsPer1000"`
	P50Us        *int64   `json:"p50Us"`
	P99Us        *int64   `json:"p99Us"`
}

func (m measurement) view() measurementView {
	v := measurementView{Name: m.Name, Tasks: m.Tasks, TookMs: m.took.Milliseconds()}
	if !m.paced && m.took > 0 {
		v.PerSecond = new(math.Round(float64(m.Tasks) / m.took.Seconds()))
	}
	if !m.paced && m.cpu >= 0 {
		v.CPUMsPer1000 = new(math.Round(float64(m.cpu.Microseconds())/float64(m.Tasks)*10) / 10)
	}
	if len(m.waits) > 0 {
		v.P50Us = new(percentile(m.waits, 50).Microseconds())
		v.P99Us = new(percentile(m.waits, 99).Microseconds())
	}
	return v
}

// percentile returns the smallest of the sorted values that is not below p
// percent of them.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}

// benchView is the whole run in JSON.
type benchView struct {
	Run          string            `json:"run"`
	Store        string            `json:"store"`
	Driver       string            `json:"driver"`
	StoreVersion string            `json:"storeVersion"`
	Stem         string            `json:"stem"`
	Go           string            `json:"go"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	CPUs         int               `json:"cpus"`
	PayloadBytes int               `json:"payloadBytes"`
	Concurrency  int               `json:"concurrency"`
	Measurements []measurementView `json:"measurements"`
	Ledger       ledgerView        `json:"ledger"`
	Interrupted  bool              `json:"interrupted"`
}

func (b *benchRun) view() benchView {
	info := b.opened.Backend().Info
	v := benchView{
		Run: b.id, Store: info.URL, Driver: info.Driver, StoreVersion: info.Version, Stem: version(),
		Go: goruntime.Version(), OS: goruntime.GOOS, Arch: goruntime.GOARCH, CPUs: goruntime.GOMAXPROCS(0),
		PayloadBytes: b.o.payload, Concurrency: b.o.concurrency,
		Measurements: make([]measurementView, len(b.measured)), Ledger: b.ledger.balance(),
	}
	for i, m := range b.measured {
		v.Measurements[i] = m.view()
	}
	return v
}

// finish prints what was measured, also when the run was cut short.
func (b *benchRun) finish(err error) error {
	if err != nil && !interrupted(err) {
		return err
	}
	v := b.view()
	v.Interrupted = err != nil
	if printErr := b.print(v); printErr != nil {
		return printErr
	}
	switch {
	case err != nil:
		return negative(exitInterrupted)
	case !v.Ledger.OK:
		return &failure{code: exitNegative, err: fmt.Errorf("the ledger does not add up: %s", v.Ledger.text())}
	}
	return nil
}

func (b *benchRun) print(v benchView) error {
	a := b.o.app
	if a.printer.Structured() {
		return printer.PrintItem(a.printer, v, v.Run, nil)
	}
	a.hint("%s %s, %d CPUs, %s, stem %s; arguments of %d bytes", v.Driver, v.StoreVersion, v.CPUs, v.Go, v.Stem, v.PayloadBytes)
	if err := printer.PrintList(a.printer, benchList(v.Measurements)); err != nil {
		return err
	}
	if v.Interrupted {
		a.hint("interrupted: the last measurement is of what was done until then")
	}
	a.hint("CPU is that of this process: the producers, the worker and, with SQLite, the store")
	if a.printer.Format == "name" || len(a.printer.Fields) > 0 {
		return nil
	}
	return a.printer.Line("ledger: %s", v.Ledger.text())
}

func (v ledgerView) text() string {
	text := fmt.Sprintf("%d enqueued, %d ran, %d more than once, %d missing", v.Enqueued, v.Ran, v.Duplicates, v.Missing)
	if v.Unknown > 0 {
		text += fmt.Sprintf(", %d unknown", v.Unknown)
	}
	return text
}

func benchList(views []measurementView) printer.List[measurementView] {
	return printer.List[measurementView]{
		Items: views,
		Name:  func(v measurementView) string { return v.Name },
		Columns: []printer.Column[measurementView]{
			{Title: "MEASURED", Raw: func(v measurementView) string { return v.Name }, Min: 20},
			{Title: "TASKS", Right: true, Priority: 2, Raw: func(v measurementView) string { return strconv.FormatInt(v.Tasks, 10) }},
			{Title: "TASKS/S", Right: true, Raw: func(v measurementView) string { return decimal(v.PerSecond, 0) }},
			{Title: "CPU MS/1000", Right: true, Priority: 1, Raw: func(v measurementView) string { return decimal(v.CPUMsPer1000, 1) }},
			{Title: "P50 MS", Right: true, Raw: func(v measurementView) string { return millis(v.P50Us) }},
			{Title: "P99 MS", Right: true, Raw: func(v measurementView) string { return millis(v.P99Us) }},
			{Title: "TOOK MS", Right: true, Priority: 3, Raw: func(v measurementView) string { return strconv.FormatInt(v.TookMs, 10) }},
		},
	}
}

// decimal is a number, or "-" when it was not measured.
func decimal(x *float64, digits int) string {
	if x == nil {
		return "-"
	}
	return strconv.FormatFloat(*x, 'f', digits, 64)
}

func millis(us *int64) string {
	if us == nil {
		return "-"
	}
	return strconv.FormatFloat(float64(*us)/1000, 'f', 2, 64)
}

// newProgress shows how far something is, unless --quiet.
func (a *app) newProgress(label string, total int64) *console.Progress {
	c := *a.console
	if a.flags.quiet {
		c.Err, c.ErrTTY = io.Discard, false
	}
	return c.NewProgress(label, total)
}
