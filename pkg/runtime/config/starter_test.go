package config_test

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime/config"
)

func TestStarter(t *testing.T) {
	c, err := load(t, config.Starter())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tasks) != 1 || c.Tasks[0].Name != "hello" || *c.Options(c.Tasks[0]).MaxRetries != 3 || *c.Tasks[0].Options.HardLimit != 30*time.Second {
		t.Fatalf("tasks %+v", c.Tasks)
	}
	command := c.Tasks[0].Exec.Command
	run := exec.Command(command[0], command[1:]...)
	run.Stdin = strings.NewReader(`{"name": "Ada"}`)
	out, err := run.Output()
	if err != nil || !bytes.Equal(out, []byte(`{"name": "Ada"}`)) {
		t.Errorf("hello answers %s, %v", out, err)
	}
}

// What is commented out in the starter is right, too: it is what people
// uncomment first.
func TestStarterUncommented(t *testing.T) {
	commented := regexp.MustCompile(`(?m)^( *)# (store:|worker:|  queues:|  concurrency:|notify:|  http:|    url:|    headers:|    timeout:|  retries:|  limits:|  unique:)`)
	text := commented.ReplaceAllString(config.Starter(), "$1$2")
	dir := tree(t, map[string]string{"stem.yaml": text})
	c := mustLoad(t, config.LoadOptions{Dir: dir, Env: map[string]string{"HOOK_TOKEN": "x"}})
	if len(c.Tasks) != 2 || c.Tasks[1].HTTP == nil || c.Tasks[1].HTTP.Headers["Authorization"] != "Bearer x" || c.Worker.Concurrency != 10 || !strings.HasSuffix(c.Store, "/.stem/stem.db") {
		t.Errorf("got %+v", c)
	}
}
