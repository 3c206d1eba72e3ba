package cli

import (
	"bytes"
	"encoding/json"
	"strings"
)

// secretWords mark the keys whose values are not shown unless asked for.
var secretWords = []string{"password", "passwd", "secret", "token", "apikey", "api_key", "api-key", "authorization", "credential", "private_key", "privatekey"}

const masked = "***"

func secretKey(key string) bool {
	key = strings.ToLower(key)
	for _, w := range secretWords {
		if strings.Contains(key, w) {
			return true
		}
	}
	return false
}

// redact masks the values of keys that look like secrets, at any depth. What is
// no JSON, or holds none, is returned as it is.
func redact(raw json.RawMessage) json.RawMessage {
	if !mentionsSecret(raw) {
		return raw
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	out, err := json.Marshal(mask(v))
	if err != nil {
		return raw
	}
	return out
}

func mentionsSecret(raw []byte) bool {
	lower := bytes.ToLower(raw)
	for _, w := range secretWords {
		if bytes.Contains(lower, []byte(w)) {
			return true
		}
	}
	return false
}

func mask(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for key, value := range x {
			if secretKey(key) {
				x[key] = masked
			} else {
				x[key] = mask(value)
			}
		}
	case []any:
		for i := range x {
			x[i] = mask(x[i])
		}
	}
	return v
}

// redactHeaders masks the values of headers that look like secrets.
func redactHeaders(h map[string]string) map[string]string {
	out := make(map[string]string, len(h))
	for key, value := range h {
		if secretKey(key) {
			value = masked
		}
		out[key] = value
	}
	return out
}
