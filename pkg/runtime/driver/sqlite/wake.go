package sqlite

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// bell wakes everybody who waits for it. Ringing costs next to nothing when
// nobody does.
type bell struct {
	mu   sync.Mutex
	rung chan struct{} // nil: nobody waits
}

// wait returns a channel that is closed by the next ring.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

const wakeSuffix = "-wake" // of the file beside the store

// belfry rings in this process, and in others through a file beside the store:
// whoever commits something that others wait for writes a byte to it, and those
// who wait watch it. The file says nothing; the store does.
type belfry struct {
	ready, records, bus bell

	path    string
	mu      sync.Mutex
	file    *os.File
	checked time.Time // when file was last seen to be the one under path
}

// ring tells everybody whom a committed step concerns.
func (b *belfry) ring(r bells) {
	if r&bellReady != 0 {
		b.ready.ring()
	}
	if r&bellRecords != 0 {
		b.records.ring()
	}
	if r&bellBus != 0 {
		b.bus.ring()
	}
	if r&bellOthers != 0 {
		b.ringOthers()
	}
}

func (b *belfry) ringAll() { b.ring(bellReady | bellRecords | bellBus) }

// ringOthers is a hint that may be lost: what it says is committed, and the slow
// look of the others finds it.
func (b *belfry) ringOthers() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open() {
		_, _ = b.file.WriteAt([]byte{1}, 0)
	}
}

// open makes sure that there is a file to write to, and now and then that it is
// still the one that others watch: somebody may have tidied it away.
func (b *belfry) open() bool {
	if b.file != nil {
		if time.Since(b.checked) < lookEvery/2 || b.isCurrent() {
			return true
		}
		_ = b.file.Close()
		b.file = nil
	}
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY, b.mode())
	if err != nil {
		return false
	}
	b.file, b.checked = f, time.Now()
	return true
}

func (b *belfry) isCurrent() bool {
	b.checked = time.Now()
	mine, err := b.file.Stat()
	if err != nil {
		return false
	}
	current, err := os.Stat(b.path)
	return err == nil && os.SameFile(mine, current)
}

// present makes the file, if it is missing, and tells which one it is.
func (b *belfry) present() (os.FileInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open()
	return os.Stat(b.path)
}

// mode is the store's: whoever may write to it may ring.
func (b *belfry) mode() os.FileMode {
	info, err := os.Stat(strings.TrimSuffix(b.path, wakeSuffix))
	if err != nil {
		return 0o600
	}
	return info.Mode().Perm()
}

func (b *belfry) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return nil
	}
	return b.file.Close()
}

const (
	// wakeRest bounds how often other processes can wake this one. Events that
	// come meanwhile are joined by the kernel.
	wakeRest = 2 * time.Millisecond
	// lookEvery is how often the store is looked at in case a hint was lost;
	// lookBlind, when the file cannot be watched at all.
	lookEvery = time.Second
	lookBlind = 50 * time.Millisecond
)

// listen starts, once, to hear what other processes ring. A process that only
// writes never does. When it returns, nothing that is rung is missed.
func (st *store) listen() {
	st.listening.Do(func() {
		watch := newWatch(&st.bells)
		st.background.Add(1)
		go func() {
			defer st.background.Done()
			defer watch.close()
			st.hear(watch)
		}()
	})
}

func (st *store) hear(watch fileWatch) {
	look := time.NewTicker(watch.lookEvery())
	defer look.Stop()
	seen := dataVersion{db: st.readers}
	defer seen.close()
	for {
		select {
		case <-watch.events:
			st.bells.ringAll()
			st.rest()
		case <-watch.errors: // an overflow, for one: something was rung
			st.bells.ringAll()
		case <-look.C:
			watch.follow(&st.bells)
			if seen.changed(st.life) {
				st.bells.ringAll()
			}
		case <-st.closed:
			return
		}
	}
}

func (st *store) rest() {
	select {
	case <-time.After(wakeRest):
	case <-st.closed:
	}
}

// fileWatch tells when the file changes. Where the system cannot watch it, both
// channels are nil.
type fileWatch struct {
	watcher *fsnotify.Watcher
	file    os.FileInfo // the one that is watched, whatever its path names now
	events  <-chan fsnotify.Event
	errors  <-chan error
}

func newWatch(b *belfry) fileWatch {
	file, err := b.present()
	if err != nil {
		return fileWatch{}
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fileWatch{}
	}
	if err := w.Add(b.path); err != nil {
		_ = w.Close()
		return fileWatch{}
	}
	return fileWatch{watcher: w, file: file, events: w.Events, errors: w.Errors}
}

// follow watches the file that is there now, when it is another one than before.
func (f *fileWatch) follow(b *belfry) {
	if f.watcher == nil {
		return
	}
	file, err := b.present()
	if err != nil || os.SameFile(file, f.file) {
		return
	}
	_ = f.watcher.Remove(b.path) // it may have noticed by itself
	if f.watcher.Add(b.path) == nil {
		f.file = file
	}
}

func (f fileWatch) lookEvery() time.Duration {
	if f.watcher == nil {
		return lookBlind
	}
	return lookEvery
}

func (f fileWatch) close() {
	if f.watcher != nil {
		_ = f.watcher.Close()
	}
}

// dataVersion notices that another connection has changed the file.
type dataVersion struct {
	db   *sql.DB
	conn *sql.Conn
	last int64
}

func (d *dataVersion) changed(ctx context.Context) bool {
	if d.conn == nil {
		c, err := d.db.Conn(ctx)
		if err != nil {
			return false
		}
		d.conn = c
	}
	var v int64
	if err := d.conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&v); err != nil {
		return false
	}
	changed := v != d.last
	d.last = v
	return changed
}

func (d *dataVersion) close() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
}
