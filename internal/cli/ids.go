package cli

import (
	"bufio"
	"fmt"
	"strings"
)

// ids returns the ids of a command's arguments; "-" reads them from standard
// input, one a line.
func (a *app) ids(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		if arg != "-" {
			out = append(out, arg)
			continue
		}
		lines := bufio.NewScanner(a.console.In)
		for lines.Scan() {
			if id := strings.TrimSpace(lines.Text()); id != "" {
				out = append(out, id)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read ids from standard input: %w", err)
		}
	}
	if len(out) == 0 {
		return nil, usagef("give them as arguments or, one a line, on standard input", "no ids")
	}
	return out, nil
}
