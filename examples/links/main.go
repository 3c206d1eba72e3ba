// Links shows tasks that follow others: written together with the first one,
// enqueued in the very step that ends it, so that no crash can come between.
//
//	go run ./examples/links
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/stem-jobs/stem/pkg/stem"
)

type File struct {
	Path string `json:"path"`
}

type Note struct {
	Text string `json:"text"`
}

var Upload = stem.Define("file.upload", func(_ context.Context, f File) (string, error) {
	if f.Path == "missing.txt" {
		return "", stem.Permanent(fmt.Errorf("%s: no such file", f.Path))
	}
	return "uploaded " + f.Path, nil
})

var Notify = stem.Define("user.notify", func(_ context.Context, n Note) (string, error) {
	return "told the user: " + n.Text, nil
})

var Alarm = stem.Define("admin.alarm", func(_ context.Context, n Note) (string, error) {
	return "told the admin: " + n.Text, nil
}, stem.Priority(9))

// upload enqueues one upload and what is to follow it, and prints what did. The
// followers have ids of their own choosing so that they can be waited for.
func upload(ctx context.Context, app *stem.App, out io.Writer, path string) error {
	good, err := Notify.Request(Note{path + " is there"}, stem.ID("notify-"+path))
	if err != nil {
		return err
	}
	bad, err := Alarm.Request(Note{path + " failed"}, stem.ID("alarm-"+path))
	if err != nil {
		return err
	}
	h, err := Upload.Enqueue(ctx, app, File{path}, stem.Then(good), stem.OnFailure(bad))
	if err != nil {
		return err
	}
	follower := Notify.Handle(app, good.ID)
	if _, err := h.Wait(ctx); err != nil {
		fmt.Fprintln(out, err)
		follower = Alarm.Handle(app, bad.ID)
	}
	told, err := follower.Wait(ctx)
	fmt.Fprintln(out, told)
	return err
}

func run(ctx context.Context, out io.Writer) error {
	app, err := stem.Open(ctx, "memory:", stem.With(Upload, Notify, Alarm))
	if err != nil {
		return err
	}
	defer app.Close()
	working, stop := context.WithCancel(ctx)
	defer stop()
	worker := make(chan error, 1)
	go func() { worker <- app.Work(working) }()
	for _, path := range []string{"report.txt", "missing.txt"} {
		if err := upload(ctx, app, out, path); err != nil {
			return err
		}
	}
	stop()
	return <-worker
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}
