package flush_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/stem-jobs/stem/internal/flush"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is a Flush that doubles numbers, remembers its batches and holds each
// until it is let go.
type gate struct {
	mu      sync.Mutex
	batches [][]int
	ctxs    []context.Context
	open    chan struct{}
	err     error
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) flush(ctx context.Context, items []int) ([]int, error) {
	g.mu.Lock()
	g.batches = append(g.batches, items)
	g.ctxs = append(g.ctxs, ctx)
	g.mu.Unlock()
	select {
	case <-g.open:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := make([]int, len(items))
	for i, n := range items {
		out[i] = 2 * n
	}
	return out, g.err
}

// sizes are those of the batches so far.
func (g *gate) sizes() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var sizes []int
	for _, b := range g.batches {
		sizes = append(sizes, len(b))
	}
	return fmt.Sprint(sizes)
}

type answer struct {
	got int
	err error
}

// call runs Do in a goroutine and waits until it is blocked.
func call(b *flush.Batcher[int, int], ctx context.Context, n int) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		got, err := b.Do(ctx, n)
		out <- answer{got, err}
	}()
	synctest.Wait()
	return out
}

func TestLoneCallUsesItsOwnContext(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(context.Background(), key{}, "mine")
	b := flush.Batcher[int, string]{Flush: func(ctx context.Context, items []int) ([]string, error) {
		return []string{fmt.Sprint(ctx.Value(key{}), items)}, nil
	}}
	for range 3 {
		if got, err := b.Do(ctx, 7); err != nil || got != "mine[7]" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestConcurrentCallsShareBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := &flush.Batcher[int, int]{Flush: g.flush, Max: 4}
		var answers []<-chan answer
		for n := range 10 {
			answers = append(answers, call(b, t.Context(), n))
		}
		if got := g.sizes(); got != "[1]" {
			t.Errorf("while the first is under way: batches %s", got)
		}
		close(g.open)
		for n, a := range answers {
			if got := <-a; got.err != nil || got.got != 2*n {
				t.Errorf("call %d got %+v", n, got)
			}
		}
		if got := g.sizes(); got != "[1 4 4 1]" {
			t.Errorf("batches %s", got)
		}
	})
}

func TestErrorIsEverybodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.err = errors.New("disk on fire")
		b := &flush.Batcher[int, int]{Flush: g.flush}
		answers := []<-chan answer{call(b, t.Context(), 1), call(b, t.Context(), 2), call(b, t.Context(), 3)}
		close(g.open)
		for _, a := range answers {
			if got := <-a; !errors.Is(got.err, g.err) || got.got != 0 {
				t.Errorf("got %+v", got)
			}
		}
	})
}

func TestWrongNumberOfResults(t *testing.T) {
	b := flush.Batcher[int, int]{Flush: func(context.Context, []int) ([]int, error) { return nil, nil }}
	if _, err := b.Do(context.Background(), 1); err == nil {
		t.Error("no result and no error")
	}
}

func TestGivingUpWithdrawsWhatWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := &flush.Batcher[int, int]{Flush: g.flush}
		ctx, giveUp := context.WithCancel(t.Context())
		first, second, third, fourth := call(b, t.Context(), 1), call(b, t.Context(), 2), call(b, ctx, 3), call(b, t.Context(), 4)
		giveUp()
		if got := <-third; !errors.Is(got.err, context.Canceled) {
			t.Errorf("the one who gave up got %+v", got)
		}
		close(g.open)
		for want, a := range map[int]<-chan answer{2: first, 4: second, 8: fourth} {
			if got := <-a; got.err != nil || got.got != want {
				t.Errorf("got %+v, want %d", got, want)
			}
		}
		if got := fmt.Sprint(g.batches); got != "[[1] [2 4]]" {
			t.Errorf("sent %s", got)
		}
	})
}

func TestBatchOfNobodyIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := &flush.Batcher[int, int]{Flush: g.flush}
		ctx, giveUp := context.WithCancel(t.Context())
		first, second := call(b, t.Context(), 1), call(b, ctx, 2)
		giveUp()
		<-second
		close(g.open)
		<-first
		synctest.Wait()
		if got := g.sizes(); got != "[1]" {
			t.Errorf("batches %s", got)
		}
		if got, err := b.Do(t.Context(), 5); err != nil || got != 10 {
			t.Errorf("afterwards: %d, %v", got, err)
		}
	})
}

func TestFlushEndsWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		b := &flush.Batcher[int, int]{Flush: g.flush}
		firstCtx, endFirst := context.WithCancel(t.Context())
		first := call(b, firstCtx, 1)
		ctx2, giveUp2 := context.WithCancel(t.Context())
		ctx3, giveUp3 := context.WithCancel(t.Context())
		second, third := call(b, ctx2, 2), call(b, ctx3, 3)

		endFirst() // its own flush ends with it, and the batch [2 3] goes
		if got := <-first; !errors.Is(got.err, context.Canceled) {
			t.Errorf("got %+v", got)
		}
		synctest.Wait()
		giveUp2()
		<-second
		if g.ctxs[1].Err() != nil {
			t.Fatal("the flush was cancelled while somebody waited for it")
		}
		giveUp3()
		<-third
		synctest.Wait()
		if g.ctxs[1].Err() == nil {
			t.Error("the flush goes on for nobody")
		}
	})
}

func TestEndedContextSendsNothing(t *testing.T) {
	g := newGate()
	b := &flush.Batcher[int, int]{Flush: g.flush}
	ctx, end := context.WithCancel(context.Background())
	end()
	if _, err := b.Do(ctx, 1); !errors.Is(err, context.Canceled) || len(g.batches) != 0 {
		t.Errorf("%v, batches %v", err, g.batches)
	}
}

// Under load every caller gets its own answer, and nobody is left behind.
func TestManyCallers(t *testing.T) {
	b := &flush.Batcher[int, int]{Max: 7, Flush: func(_ context.Context, items []int) ([]int, error) {
		if len(items) > 7 {
			return nil, fmt.Errorf("batch of %d", len(items))
		}
		out := make([]int, len(items))
		for i, n := range items {
			out[i] = -n
		}
		return out, nil
	}}
	var all sync.WaitGroup
	for c := range 20 {
		all.Go(func() {
			ctx, giveUp := context.WithCancel(context.Background())
			defer giveUp()
			for i := range 500 {
				n := c*1000 + i
				if got, err := b.Do(ctx, n); err != nil || got != -n {
					t.Errorf("%d: got %d, %v", n, got, err)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkDo(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			batcher := &flush.Batcher[int, int]{Flush: func(_ context.Context, items []int) ([]int, error) { return items, nil }}
			var all sync.WaitGroup
			b.ReportAllocs()
			for range callers {
				all.Go(func() {
					for i := range b.N / callers {
						_, _ = batcher.Do(context.Background(), i)
					}
				})
			}
			all.Wait()
		})
	}
}
