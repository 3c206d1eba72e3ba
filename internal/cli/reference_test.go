package cli

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/commands.md anew")

// TestReference keeps docs/commands.md what the command tree says.
func TestReference(t *testing.T) {
	const page = "../../docs/commands.md"
	want := reference(newRoot(testApp()))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/commands.md is not what the commands say (%v); run: go test ./internal/cli -run Reference -update", err)
	}
}
