package runtime

import (
	"encoding/json"
	"time"
)

// Request asks for a task to be enqueued, before routing and encoding: what a
// program, a handler, a schedule or a line of `stem enqueue --stdin` says.
// client.Prepare turns it into a [Publication].
//
//   - Shapes: Args is a JSON object, or nil for {}. ID is minted when empty.
//   - At wins over Delay. Both zero: at once.
//   - Links are enqueued by the worker in the same step that settles the task:
//     Link on success, LinkError on final failure. A task that the store itself
//     ends because its workers died (ReasonPoison, ReasonWorkerLost) publishes no
//     LinkError: no worker is left to do it. Its group counts it all the same.
//   - A request made inside a handler records its parent unless NoParent.
//   - Declared are the options of the task's definition, for a client that does
//     not know the task by its name. Unlike Options, the call's own, they do not
//     travel: the worker has the definition, and its word is the newer one.
type Request struct {
	ID        string
	Name      string
	Args      json.RawMessage
	Headers   map[string]string
	Meta      map[string]any
	Options   TaskOptions
	Declared  *TaskOptions
	Delay     time.Duration
	At        time.Time
	Link      []Request
	LinkError []Request
	NoParent  bool
}
