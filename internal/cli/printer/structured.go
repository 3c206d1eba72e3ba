package printer

import (
	"bytes"
	"encoding/json"
	"io"
	"sort"
	"strings"
	"text/template"

	"github.com/itchyny/gojq"

	"github.com/stem-jobs/stem/internal/cli/console"
)

// document writes one value in a structured format. items names the list in it
// to which --fields applies; "" is the value itself.
func (p *Printer) document(v any, items string) error {
	plain, err := p.plain(v, items)
	if err != nil {
		return err
	}
	switch {
	case p.JQ != "":
		return p.runJQ(plain)
	case p.Template != "":
		return p.runTemplate(plain)
	case p.Format == "yaml":
		out, err := p.YAML(plain)
		if err != nil {
			return err
		}
		_, err = p.Console.Out.Write(out)
		return err
	}
	return writeJSON(p.Console.Out, plain, p.Format == "json")
}

// plain turns a view into maps and lists, whose keys encode sorted and whose
// numbers keep every digit, and selects fields.
func (p *Printer) plain(v any, items string) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	if len(p.Fields) == 0 {
		return out, nil
	}
	if items == "" {
		return p.pick(out)
	}
	doc := out.(map[string]any) // document[T] is an object with a list
	list, _ := doc[items].([]any)
	for i := range list {
		if list[i], err = p.pick(list[i]); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func (p *Printer) selectFields(v any) (any, error) { return p.plain(v, "") }

// pick keeps the chosen fields of an object; a wrong name lists the right ones.
func (p *Printer) pick(v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return v, nil
	}
	out := make(map[string]any, len(p.Fields))
	for _, f := range p.Fields {
		x, ok := m[f]
		if !ok {
			names := make([]string, 0, len(m))
			for name := range m {
				names = append(names, name)
			}
			sort.Strings(names)
			return nil, misuse("no field %q: there are %s", f, strings.Join(names, ", "))
		}
		out[f] = x
	}
	return out, nil
}

// printFields writes the chosen fields tab-separated, in the order asked for.
func printFields[T any](p *Printer, items []T) error {
	for _, item := range items {
		v, err := p.selectFields(item)
		if err != nil {
			return err
		}
		m := v.(map[string]any) // views are objects
		cells := make([]string, len(p.Fields))
		for i, f := range p.Fields {
			cells[i] = console.Safe(text(m[f]))
		}
		if err := writeRow(p.Console.Out, cells); err != nil {
			return err
		}
	}
	return nil
}

func text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case json.Number:
		return x.String()
	}
	raw, _ := json.Marshal(v) // it was JSON a moment ago
	return string(raw)
}

func (p *Printer) runTemplate(v any) error {
	t, err := template.New("template").Option("missingkey=error").Parse(p.Template)
	if err != nil {
		return misuse("bad --template: %w", err)
	}
	var out bytes.Buffer // all of it or nothing
	if err := t.Execute(&out, v); err != nil {
		return misuse("bad --template: %w", err)
	}
	_, err = p.Console.Out.Write(out.Bytes())
	return err
}

func (p *Printer) runJQ(v any) error {
	query, err := gojq.Parse(p.JQ)
	if err != nil {
		return misuse("bad --jq: %w", err)
	}
	results := query.Run(v)
	for {
		r, ok := results.Next()
		if !ok {
			return nil
		}
		if err, isErr := r.(error); isErr {
			return misuse("bad --jq: %w", err)
		}
		if s, isText := r.(string); isText {
			if _, err := io.WriteString(p.Console.Out, s+"\n"); err != nil {
				return err
			}
			continue
		}
		if err := writeJSON(p.Console.Out, r, false); err != nil {
			return err
		}
	}
}

func writeJSON(w io.Writer, v any, indent bool) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if indent {
		e.SetIndent("", "  ")
	}
	return e.Encode(v)
}
