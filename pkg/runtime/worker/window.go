package worker

import "time"

const (
	maxWindow  = 256                    // of an adaptive prefetch
	longWait   = 100 * time.Millisecond // a job that waited so long might have run elsewhere
	maxReceive = 1000                   // of runtime.Receive
)

// window is the prefetch: how many jobs may wait for a slot. An adaptive one
// doubles when slots ran dry although the store gave all that was asked for,
// and halves when a job waited long. Thus short tasks travel in large batches,
// and long ones stay in the store, where another worker finds them.
type window struct {
	size  int
	fixed bool

	ranDry bool // since the last fetch
	shrunk bool // since the last fetch
}

func newWindow(prefetch int) window {
	return window{size: max(prefetch, 0), fixed: prefetch != 0}
}

// fetched notes what a fetch asked for and got.
func (w *window) fetched(asked, got int) {
	if !w.fixed && w.ranDry && got == asked {
		w.size = min(max(2*w.size, 1), maxWindow)
	}
	w.ranDry, w.shrunk = false, false
}

// dry notes that a slot found nothing waiting.
func (w *window) dry() { w.ranDry = true }

// waited notes how long a job was here before it got its slot.
func (w *window) waited(d time.Duration) {
	if !w.fixed && d > longWait && !w.shrunk {
		w.size /= 2
		w.shrunk = true
	}
}
