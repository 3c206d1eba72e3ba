package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	"github.com/stem-jobs/stem/pkg/runtime/driver/memory"
)

var plain = runtime.Request{Name: "mail.send", Args: json.RawMessage(`{"to":"ann@example.org","subject":"hello"}`)}

func openMemory(tb testing.TB) *runtime.Backend {
	tb.Helper()
	b, err := memory.Driver{}.Open(context.Background(), "memory:", runtime.OpenOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

func BenchmarkPrepare(b *testing.B) {
	unique := plain
	unique.Options.Unique = &runtime.UniqueOptions{}
	gzip := plain
	gzip.Options.Encoding = new("gzip")
	for name, r := range map[string]runtime.Request{"plain": plain, "unique": unique, "gzip": gzip} {
		b.Run(name, func(b *testing.B) {
			c := client.New(&runtime.Backend{}, client.Options{})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Prepare(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEnqueue(b *testing.B) {
	for _, producers := range []int{1, 16} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			c := client.New(openMemory(b), client.Options{})
			b.ReportAllocs()
			var all sync.WaitGroup
			for range producers {
				all.Go(func() {
					for range b.N / producers {
						if _, err := c.Enqueue(b.Context(), plain); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func BenchmarkEnqueueMany(b *testing.B) {
	c := client.New(openMemory(b), client.Options{})
	rs := make([]runtime.Request, 1000)
	for i := range rs {
		rs[i] = plain
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.EnqueueMany(b.Context(), rs); err != nil {
			b.Fatal(err)
		}
	}
}
