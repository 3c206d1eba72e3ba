package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// Exec returns a handler that runs a program for each attempt.
//
//   - The program gets the arguments as JSON on stdin, STEM_TASK_* in its
//     environment, and on descriptors 3 and 4 the host protocol, which it may
//     ignore ([Message]). Its stderr is the task's log, its stdout the result.
//   - It leads a process group. The group gets SIGTERM when the context ends
//     and SIGKILL after the grace; SIGKILL when the program has ended and left
//     something behind, and when the worker dies, however it dies.
//   - Errors: ErrInvalid for a spec that cannot work. Of the handler: *[ExitError]
//     (permanent or an explicit retry as the codes say), the context's cause when
//     it was stopped, a permanent ErrInvalid for output that is too long or not
//     what Result asks for, ErrNotFound for a program that is not there.
//   - Concurrency: the handler may run many times at once.
func Exec(spec ExecSpec) (runtime.HandlerFunc, error) {
	spec = spec.withDefaults()
	if err := spec.validate(); err != nil {
		return nil, err
	}
	soft, err := parseSignal(spec.SoftSignal)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, t *runtime.Task) (json.RawMessage, error) {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		r := &execRun{spec: spec, soft: soft, task: t, output: newOutput(spec, t.Host)}
		return r.run(ctx)
	}, nil
}

// lastWords is how long the host may take over the last requests of a program.
const lastWords = 10 * time.Second

// execRun is one run of a program.
type execRun struct {
	spec    ExecSpec
	soft    os.Signal
	task    *runtime.Task
	process *process
	pipes   *pipes
	link    *link
	output  *output
	stopped error // why the program was told to stop
}

func (r *execRun) run(ctx context.Context) (json.RawMessage, error) {
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	link, unlink := newLink(ctx, r.task)
	r.link = link
	done := r.pipes.serve(r.task.Args, r.output, link)
	r.supervise(ctx)
	r.process.bury()
	// What the program asked for before it ended is still carried out: it lies
	// in the pipe, or the store is being asked.
	defer time.AfterFunc(drainTime, link.close).Stop()
	defer time.AfterFunc(lastWords, unlink).Stop()
	done()
	unlink()
	return r.outcome()
}

func (r *execRun) start(ctx context.Context) error {
	env, err := r.spec.environment(ctx, r.task)
	if err != nil {
		return err
	}
	r.pipes, err = newPipes()
	if err != nil {
		return fmt.Errorf("run %s: %w", r.name(), err)
	}
	defer r.pipes.closeTheirs()
	cmd := exec.Command(r.spec.Command[0], r.spec.Command[1:]...)
	cmd.Dir, cmd.Env = r.spec.Dir, env
	r.pipes.attach(cmd)
	r.process, err = startProcess(cmd)
	if err != nil {
		if cmd.Process != nil {
			<-r.process.exited
		}
		r.pipes.closeOurs()
		return r.notStarted(err)
	}
	return nil
}

// notStarted says in one line why a program could not be started.
func (r *execRun) notStarted(err error) error {
	e := &runtime.Error{Code: runtime.CodeUnavailable, Message: "run " + r.name(), Err: err}
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		e.Code = runtime.CodeNotFound
		e.Hint = "install it where this worker runs, or write its full path"
	case errors.Is(err, fs.ErrPermission):
		e.Code = runtime.CodeDenied
		e.Hint = "make it executable for the worker's user"
	}
	return e
}

// supervise returns when the program has ended, of itself or because it was
// told to.
func (r *execRun) supervise(ctx context.Context) {
	soft, cancelled, overflow := r.task.Host.SoftLimit(), ctx.Done(), r.output.overflow
	var grace <-chan time.Time
	for {
		select {
		case <-r.process.exited:
			return
		case <-soft:
			soft = nil
			r.softLimit(ctx)
		case <-cancelled:
			cancelled = nil
			r.stopped = context.Cause(ctx)
			grace = r.cancel()
		case <-grace:
			r.process.kill()
		case <-overflow:
			overflow = nil
			r.process.kill()
		}
	}
}

func (r *execRun) softLimit(ctx context.Context) {
	notice := Message{Type: TypeSoft}
	notice.Deadline, _ = ctx.Deadline()
	r.link.notify(notice)
	if r.soft != nil {
		signalGroup(r.process.cmd.Process, r.soft)
	}
}

// cancel tells the program to stop and returns when its time is up.
func (r *execRun) cancel() <-chan time.Time {
	grace := max(r.spec.Grace, 0)
	r.link.notify(Message{Type: TypeCancel, Reason: r.stopped.Error(), GraceMs: grace.Milliseconds()})
	if grace > 0 {
		r.process.terminate()
	}
	return time.After(grace)
}

// outcome turns what the program did into the handler's answer.
func (r *execRun) outcome() (json.RawMessage, error) {
	if r.stopped != nil {
		// Whatever it exited with: many programs answer SIGTERM with code 0.
		return nil, fmt.Errorf("%s was stopped: %w", r.name(), r.stopped)
	}
	if r.output.tooLong() {
		return nil, tooLarge(fmt.Sprintf("%s printed more than %d bytes and was killed", r.name(), r.spec.MaxOutput),
			"write large results to a file or a store and print where; or raise max_output")
	}
	if err := r.exitError(); err != nil {
		return nil, err
	}
	return r.output.result(r.name())
}

func (r *execRun) exitError() error {
	state := r.process.cmd.ProcessState
	e := &ExitError{Program: r.name(), Code: state.ExitCode(), Signal: killedBy(state), LastLine: r.output.lastLine()}
	if e.Code == 0 {
		return nil
	}
	return r.spec.classify(e, r.link.retry())
}

func (r *execRun) name() string { return filepath.Base(r.spec.Command[0]) }
