package client_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
)

// busyParent is a task with everything that must not be handed down.
func busyParent(t *testing.T) (context.Context, *runtime.Task) {
	t.Helper()
	task := &runtime.Task{
		ID: "parent-1", Name: "parent", Queue: "mail", Attempt: 2,
		Headers: map[string]string{
			runtime.HeaderTraceParent: "00-1-2-01", runtime.HeaderTraceState: "a=b", runtime.HeaderTenant: "acme", "user": "ann",
			runtime.HeaderGroupID: "g", runtime.HeaderChainID: "c", runtime.HeaderReplay: "3", runtime.HeaderArgsEncoder: "gzip",
			"stem-signature": "sig", "stem-chord-id": "x",
		},
		Meta: map[string]json.RawMessage{
			runtime.MetaRootID: json.RawMessage(`"root-1"`), runtime.MetaParentID: json.RawMessage(`"grandparent"`),
		},
	}
	for _, key := range []string{
		runtime.MetaExpiresAt, runtime.MetaHardLimit, runtime.MetaSoftLimit, runtime.MetaIgnoreResult, runtime.MetaKeep, runtime.MetaRetryPolicy,
		runtime.MetaAcksEarly, runtime.MetaLink, runtime.MetaLinkError, runtime.MetaRate, runtime.MetaConcurrency, runtime.MetaGroupRate,
		runtime.MetaGroupRateKey, runtime.MetaAttempts, runtime.MetaUndefined, "stem.unique.key", "stem.task", "chordResults", "users.own",
	} {
		task.Meta[key] = json.RawMessage(`"leak"`)
	}
	return runtime.WithTask(context.Background(), task), task
}

// W5: children inherit an allow-list and their lineage, nothing else.
func TestInheritanceW5(t *testing.T) {
	ctx, _ := busyParent(t)
	c := preparer(client.Options{Registry: registry(t, runtime.Definition{Name: "child"})})
	p := prepareIn(t, ctx, c, runtime.Request{ID: "child-1", Name: "child", Headers: map[string]string{"user": "bob"}})
	want := runtime.Publication{Envelope: &runtime.Envelope{
		ID: "child-1", Name: "child", Queue: "default", Args: json.RawMessage("{}"), EnqueuedAt: noon,
		Headers: map[string]string{runtime.HeaderTraceParent: "00-1-2-01", runtime.HeaderTraceState: "a=b", runtime.HeaderTenant: "acme", "user": "bob"},
		Meta: map[string]json.RawMessage{
			runtime.MetaParentID:  json.RawMessage(`"parent-1"`),
			runtime.MetaParentTry: json.RawMessage(`2`),
			runtime.MetaRootID:    json.RawMessage(`"root-1"`),
		},
	}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p.Envelope, want.Envelope)
	}
}

func TestLineage(t *testing.T) {
	c := preparer(client.Options{})
	ctx, task := busyParent(t)
	free := prepareIn(t, ctx, c, runtime.Request{Name: "child", NoParent: true})
	if meta(free, runtime.MetaParentID) != "" || meta(free, runtime.MetaRootID) != "" {
		t.Errorf("NoParent still records %v", free.Envelope.Meta)
	}
	if free.Envelope.Headers[runtime.HeaderTenant] != "acme" {
		t.Error("NoParent takes the tenant away")
	}
	for name, root := range map[string]json.RawMessage{"absent": nil, "broken": json.RawMessage(`7`), "empty": json.RawMessage(`""`)} {
		task.Meta[runtime.MetaRootID] = root
		if root == nil {
			delete(task.Meta, runtime.MetaRootID)
		}
		if p := prepareIn(t, ctx, c, runtime.Request{Name: "child"}); meta(p, runtime.MetaRootID) != `"parent-1"` {
			t.Errorf("root %s: got %s", name, meta(p, runtime.MetaRootID))
		}
	}
	if p := prepare(t, c, runtime.Request{Name: "x"}); meta(p, runtime.MetaRootID) != "" {
		t.Error("a task without a parent has a root")
	}
}
