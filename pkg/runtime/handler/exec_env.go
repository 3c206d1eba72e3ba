package handler

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// passed are the worker's variables that every program sees: what is needed to
// run at all, and nothing that could be a secret. The second line is for
// Windows, where programs do not start without.
var passed = []string{
	"PATH", "HOME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR",
	"SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP",
}

// environment returns what a program sees: the allow-list, then the spec's own
// values, then STEM_TASK_*, of which the last wins.
func (s ExecSpec) environment(ctx context.Context, t *runtime.Task) ([]string, error) {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !hasStemPrefix(name) && (matchesName(passed, name) || matchesName(s.EnvPass, name)) {
			env = append(env, pair)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		env = append(env, name+"="+s.Env[name])
	}
	about, err := taskVariables(ctx, t)
	return append(env, about...), err
}

func taskVariables(ctx context.Context, t *runtime.Task) ([]string, error) {
	headers := t.Headers
	if headers == nil {
		headers = map[string]string{}
	}
	raw, err := json.Marshal(headers)
	if err != nil {
		return nil, invalid("encode headers of "+t.Name, "", err)
	}
	env := []string{
		"STEM_PROTOCOL=" + strconv.Itoa(ProtocolVersion),
		"STEM_TASK_ID=" + t.ID,
		"STEM_TASK_NAME=" + t.Name,
		"STEM_TASK_QUEUE=" + t.Queue,
		"STEM_TASK_ATTEMPT=" + strconv.Itoa(t.Attempt),
		"STEM_TASK_MAX_RETRIES=" + strconv.Itoa(t.MaxRetries),
		"STEM_TASK_DELIVERIES=" + strconv.Itoa(t.Deliveries),
		"STEM_TASK_ENQUEUED_AT=" + t.EnqueuedAt.UTC().Format(time.RFC3339Nano),
		"STEM_TASK_HEADERS=" + string(raw),
	}
	if deadline, ok := ctx.Deadline(); ok {
		env = append(env, "STEM_TASK_DEADLINE="+deadline.UTC().Format(time.RFC3339Nano))
	}
	return env, nil
}

func hasStemPrefix(name string) bool {
	return strings.HasPrefix(strings.ToUpper(name), "STEM_")
}

// matchesName reports whether name is in the list, whose entries may end in *.
func matchesName(list []string, name string) bool {
	return slices.ContainsFunc(list, func(pattern string) bool {
		head, isPrefix := strings.CutSuffix(pattern, "*")
		return pattern == name || isPrefix && strings.HasPrefix(name, head)
	})
}
