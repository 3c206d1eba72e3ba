package config

import (
	"encoding/json"

	"gopkg.in/yaml.v3"
)

// EncodeYAML writes maps, lists and scalars as YAML, for commands that print
// it: the YAML library is imported here only.
//
//   - Errors: ErrInvalid when v holds something else.
func EncodeYAML(v any) ([]byte, error) { return yaml.Marshal(plainNumbers(v)) }

// plainNumbers turns json.Number into what YAML writes without quotes.
func plainNumbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, err := x.Float64()
		if err != nil {
			return x.String()
		}
		return f
	case []any:
		for i := range x {
			x[i] = plainNumbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = plainNumbers(x[k])
		}
	}
	return v
}
