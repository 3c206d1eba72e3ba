package sqlite

import (
	"os"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

func rung(t *testing.T, what string, bell <-chan struct{}) {
	t.Helper()
	select {
	case <-bell:
	case <-time.After(10 * time.Second):
		t.Fatalf("nothing was rung within 10s: %s", what)
	}
}

// Where files cannot be watched, the look at data_version finds what another
// process has committed.
func TestHearWithoutWatching(t *testing.T) {
	url := newURL(t)
	mine, other := openInside(t, url), openInside(t, url)
	mine.listening.Do(func() {}) // nobody may start the watch
	mine.background.Add(1)
	go func() {
		defer mine.background.Done()
		mine.hear(fileWatch{})
	}()
	for range 3 {
		bell := mine.bells.bus.wait()
		err := bus{other}.Send(t.Context(), []runtime.Message{{ID: time.Now().Format("150405.000000000"), Channel: "c"}})
		if err != nil {
			t.Fatal(err)
		}
		rung(t, "a message of another process", bell)
	}
}

// A ring of another process is heard at once, not at the next look.
func TestHearAtOnce(t *testing.T) {
	url := newURL(t)
	mine, other := openInside(t, url), openInside(t, url)
	mine.listen()
	var longest time.Duration
	for range 5 {
		bell := mine.bells.ready.wait()
		start := time.Now()
		if err := (txPublisher{other}).Wake(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		rung(t, "a wake-up of another process", bell)
		longest = max(longest, time.Since(start))
		<-time.After(2 * wakeRest)
	}
	if longest > lookEvery/2 {
		t.Errorf("a ring took %s to be heard: only the slow look heard it", longest)
	}
}

// A steady stream of rings wakes a process a bounded number of times.
func TestHearRests(t *testing.T) {
	url := newURL(t)
	mine, other := openInside(t, url), openInside(t, url)
	mine.listen()
	stop := time.After(100 * time.Millisecond)
	heard := 0
	bell := mine.bells.ready.wait()
	for {
		other.bells.ringOthers()
		select {
		case <-bell:
			heard++
			bell = mine.bells.ready.wait()
		case <-stop:
			if limit := int(100*time.Millisecond/wakeRest) + 2; heard == 0 || heard > limit {
				t.Errorf("%d wake-ups in 100 ms; want 1 to %d", heard, limit)
			}
			return
		default:
		}
	}
}

// Somebody tidies the file away, and a process that comes then makes a new one.
// No look at the store helps here: a mere wake-up changes nothing in it.
func TestHearAfterTheFileHasGone(t *testing.T) {
	url := newURL(t)
	mine, other := openInside(t, url), openInside(t, url)
	mine.listen()
	other.bells.ringOthers()
	if err := os.Remove(mine.bells.path); err != nil {
		t.Fatal(err)
	}
	late := openInside(t, url)
	for name, ringer := range map[string]*store{"the late one": late, "the one that was there": other} {
		deadline := time.After(10 * time.Second)
		for heard := 0; heard < 5; { // the removal is heard as well, once or twice
			bell := mine.bells.ready.wait()
			ringer.bells.ringOthers()
			select {
			case <-bell:
				heard++
			case <-time.After(20 * time.Millisecond):
			case <-deadline:
				t.Fatalf("rings of %s are not heard any more", name)
			}
		}
	}
}
