// Embedded is a web service that does its slow work in a worker of its own: the
// request only enqueues, and any later one, to this process or another, may ask
// for the result.
//
//	go run ./examples/embedded -store sqlite:greetings.db
//	curl -d '{"name": "Ada"}' localhost:8080/greetings
//	curl localhost:8080/greetings/ID?wait=5s
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
	"github.com/stem-jobs/stem/pkg/runtime/worker"
	"github.com/stem-jobs/stem/pkg/stem"
)

type Person struct {
	Name string `json:"name"`
}

var Greet = stem.Define("greet", func(ctx context.Context, p Person) (string, error) {
	return "Hello " + p.Name, nil
}, stem.Retries(3), stem.HardLimit(time.Minute))

// serve runs the service and its worker until ctx ends. The service goes first,
// so that nothing new arrives; then the worker finishes what it has.
func serve(ctx context.Context, l net.Listener, storeURL string) error {
	app, err := stem.Open(ctx, storeURL, stem.With(Greet), stem.WithWorker(worker.Options{
		Concurrency: 8, SoftGrace: 10 * time.Second,
	}))
	if err != nil {
		return err
	}
	defer app.Close()

	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	worker := make(chan error, 1)
	go func() { worker <- app.Work(working) }()

	server := &http.Server{Handler: routes(app)}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(l) }()

	select {
	case err = <-worker: // it gave up: the store refuses it
	case err = <-serving:
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(patience))
	stopWork()
	return errors.Join(err, <-worker)
}

func routes(app *stem.App) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /greetings", func(w http.ResponseWriter, r *http.Request) {
		var p Person
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h, err := Greet.Enqueue(r.Context(), app, p)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		answer(w, http.StatusAccepted, map[string]any{"id": h.ID})
	})
	mux.HandleFunc("GET /greetings/{id}", func(w http.ResponseWriter, r *http.Request) {
		wait, _ := time.ParseDuration(r.FormValue("wait")) // without one: as it stands now
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		defer cancel()
		h := Greet.Handle(app, r.PathValue("id"))
		if _, err := h.Record(r.Context()); errors.Is(err, runtime.ErrNotFound) {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		greeting, err := h.Wait(ctx)
		switch {
		case errors.Is(err, runtime.ErrTimeout):
			answer(w, http.StatusAccepted, map[string]any{"pending": true})
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			answer(w, http.StatusOK, map[string]any{"greeting": greeting})
		}
	})
	return mux
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // who asked may have gone
}

func main() {
	storeURL := flag.String("store", "sqlite:greetings.db", "where tasks live; memory: forgets them at the end")
	address := flag.String("listen", "localhost:8080", "where to listen")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(ctx, l, *storeURL); err != nil {
		log.Fatal(err)
	}
}
