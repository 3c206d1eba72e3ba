package config

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// secretName matches the names of headers, variables and URL parameters whose
// values are not printed, whoever wrote them.
var secretName = regexp.MustCompile(`(?i)auth|cookie|token|secret|passw|passphrase|credential|private|signature|(api|access|signing)[-_.]?key|^(key|pwd|sig)$`)

// printable returns what may be shown of the value of a key.
func printable(key string, it item) string {
	last := key[strings.LastIndexByte(key, '.')+1:]
	named := strings.Contains(key, ".env.") || strings.Contains(key, ".headers.")
	switch {
	case named && secretName.MatchString(last):
		return mask
	case key == "store" || strings.HasSuffix(key, ".url"):
		return MaskURL(it.String())
	}
	return it.String()
}

// MaskURL returns the URL with its password and with every parameter that is
// named like a secret replaced by ***.
func MaskURL(raw string) string {
	raw = runtime.MaskURL(raw)
	head, query, found := strings.Cut(raw, "?")
	if !found {
		return raw
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, has := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); has && (err != nil || secretName.MatchString(plain)) {
			pairs[i] = name + "=" + mask
		}
	}
	return head + "?" + strings.Join(pairs, "&")
}
