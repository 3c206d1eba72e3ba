// Package stem is the front door of the library: open a store, define tasks
// with typed arguments and results, enqueue them, work, wait.
//
//	var Hello = stem.Define("demo.hello", func(ctx context.Context, a HelloArgs) (string, error) {
//		return "Hello " + a.Name, nil
//	}, stem.Retries(3), stem.HardLimit(time.Minute))
//
//	app, err := stem.Open(ctx, "sqlite:jobs.db", stem.With(Hello)) // import _ ".../driver/sqlite"
//	go app.Work(ctx)
//	h, err := Hello.Enqueue(ctx, app, HelloArgs{Name: "Stem"}, stem.Delay(time.Second))
//	out, err := h.Wait(ctx)
//
// It holds no engine: everything is pkg/runtime and the packages below it, put
// together. It links no command line and no driver but memory; import the
// driver of your store, as with database/sql.
//
// Start reading at Open and Define.
package stem
