package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// mask stands for every value that came from elsewhere and may be a secret.
const mask = "***"

// maxSecretFile bounds what ${file:…} reads: it is for secrets, not for data.
const maxSecretFile = 64 << 10

// expander resolves ${env:NAME}, ${env:NAME:-default} and ${file:PATH}. Every
// other ${…} stays as it is, because programs have their own; $${env:…} is a
// literal ${env:…}.
type expander struct {
	env lookup
	dir string // where relative paths start
}

// expand returns the text with its references resolved, and a form to print in
// which each is ***. On an error both are the text as it stands.
func (x expander) expand(s string) (text, shown string, err error) {
	var out, safe strings.Builder
	both := func(s string) { out.WriteString(s); safe.WriteString(s) }
	rest := s
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			both(rest)
			return out.String(), safe.String(), nil
		}
		body, isRef := reference(rest[i:])
		switch {
		case !isRef:
			both(rest[:i+2])
			rest = rest[i+2:]
			continue
		case i > 0 && rest[i-1] == '$':
			both(rest[:i-1])
			both(rest[i : i+len(body)+3])
		default:
			value, err := x.resolve(body)
			if err != nil {
				return s, s, err
			}
			both(rest[:i])
			out.WriteString(value)
			safe.WriteString(mask)
		}
		rest = rest[i+len(body)+3:]
	}
}

// reference returns what stands between the braces when s begins with ${env:…}
// or ${file:…}.
func reference(s string) (string, bool) {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return "", false
	}
	body := s[2:end]
	return body, strings.HasPrefix(body, "env:") || strings.HasPrefix(body, "file:")
}

func (x expander) resolve(body string) (string, error) {
	if name, ok := strings.CutPrefix(body, "env:"); ok {
		return x.fromEnv(name)
	}
	return x.fromFile(strings.TrimPrefix(body, "file:"))
}

func (x expander) fromEnv(name string) (string, error) {
	name, def, hasDefault := strings.Cut(name, ":-")
	if v, ok := x.env(name); ok && (v != "" || !hasDefault) {
		return v, nil
	}
	if hasDefault {
		return def, nil
	}
	return "", &runtime.Error{
		Code: runtime.CodeInvalid, Message: fmt.Sprintf("the environment has no %s", clean(name)),
		Hint: fmt.Sprintf("set it, or write ${env:%s:-default}", name),
	}
}

func (x expander) fromFile(name string) (string, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(x.dir, path)
	}
	data, err := readBounded(path, maxSecretFile)
	if err != nil {
		return "", &runtime.Error{Code: runtime.CodeInvalid, Message: "read ${file:" + name + "}: " + fileReason(err)}
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// readBounded reads a regular file of at most limit bytes. Anything else (a
// directory, a pipe that never ends) is refused.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	return data, err
}

// fileReason says why a file cannot be read, without its path.
func fileReason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
