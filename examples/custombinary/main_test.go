//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/stem-jobs/stem/examples/internal/drive"
)

func TestShop(t *testing.T) {
	shop := drive.Build(t, ".")
	if types := shop.Run("task", "types"); !strings.Contains(types, "order.price") || !strings.Contains(types, "Add up a basket") {
		t.Errorf("task types:\n%s", types)
	}
	stop := shop.Start("up", "--queues", "orders")
	if got := shop.Run("enqueue", "order.price", `{"items": {"pen": 3, "paper": 1}}`, "--wait"); got != `{"cents":810}`+"\n" {
		t.Errorf("price: %q", got)
	}
	_, stderr, code := shop.Try("enqueue", "order.price", `{"items": {"unicorn": 1}}`, "--id", "odd", "--wait")
	if code != 1 || !strings.Contains(stderr, `nobody sells "unicorn"`) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if dead := shop.Run("dlq", "ls", "--queue", "orders", "-o", "name"); dead != "odd\n" {
		t.Errorf("dead letters: %q", dead)
	}
	_, stderr, code = shop.Try("enqueue", "order.prise", `{}`)
	if code != 64 || !strings.Contains(stderr, "did you mean: order.price") {
		t.Errorf("a typing error: exit code %d: %s", code, stderr)
	}
	stop()
	if left := shop.Run("worker", "ls", "-o", "name"); left != "" {
		t.Errorf("still on the list after it was stopped: %q", left)
	}
}
