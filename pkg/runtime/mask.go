package runtime

import (
	"regexp"
	"strings"
)

// secretParam matches a parameter whose name speaks of a secret, in the query of
// a URL or among the words of a connection string.
var secretParam = regexp.MustCompile(`(?i)([\w.-]*(?:pass|pwd|secret|token|key|auth|sig|cred)[\w.-]*=)('[^']*'|[^&;\s#]*)`)

// MaskURL returns the URL with its password, and the values of parameters named
// like a secret, replaced by ***. It also masks what is not quite a URL, and
// rather too much than too little.
func MaskURL(raw string) string {
	return secretParam.ReplaceAllString(maskPassword(raw), "${1}***")
}

// maskPassword works on the text: url.Parse gives up, or sees no password, just
// when one holds characters that should have been escaped.
func maskPassword(raw string) string {
	start := 0
	if i := strings.Index(raw, "://"); i >= 0 {
		start = i + len("://")
	}
	rest := raw[start:]
	colon, at := strings.IndexByte(rest, ':'), strings.LastIndexByte(rest, '@')
	if colon < 0 || at < colon {
		return raw
	}
	isPath := strings.ContainsRune(rest[:colon], '/') || start == 0 && strings.HasPrefix(rest[colon+1:], "/")
	if isPath { // sqlite:///srv/a:b@c.db, sqlite:/srv/a@b.db
		return raw
	}
	return raw[:start+colon+1] + "***" + rest[at:]
}
