package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/template"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// templates are the parts of a request before a task fills them in.
type templates struct {
	method, url *template.Template
	headers     map[string]*template.Template
	body        *template.Template // nil: the arguments
}

var templateFuncs = template.FuncMap{
	"json": func(v any) (string, error) {
		raw, err := json.Marshal(v)
		return string(raw), err
	},
	"urlpath": func(v any) string { return url.PathEscape(fmt.Sprint(v)) },
}

func newTemplates(s HTTPSpec) (*templates, error) {
	ts := &templates{headers: map[string]*template.Template{}}
	var err error
	parse := func(name, text string) *template.Template {
		t, parseErr := template.New(name).Funcs(templateFuncs).Option("missingkey=error").Parse(text)
		if parseErr != nil && err == nil {
			err = &runtime.Error{
				Code: runtime.CodeInvalid, Message: "http: read template: " + strings.TrimPrefix(parseErr.Error(), "template: "),
				Hint: `fill in like {{.args.user}}; the keys are id, name, queue, attempt, args and headers`,
			}
		}
		return t
	}
	ts.method, ts.url = parse("method", s.Method), parse("url", s.URL)
	for name, text := range s.Headers {
		ts.headers[name] = parse("header "+name, text)
	}
	if s.Body != nil {
		ts.body = parse("body", *s.Body)
	}
	return ts, err
}

// templateData is what templates see of a task. Numbers stay as they were
// written: a float would turn a long id into 1e+18.
func templateData(t *runtime.Task) (map[string]any, error) {
	var args any
	if len(t.Args) > 0 {
		dec := json.NewDecoder(bytes.NewReader(t.Args))
		dec.UseNumber()
		if err := dec.Decode(&args); err != nil {
			return nil, invalid("decode args of "+t.Name, "", err)
		}
	}
	headers := make(map[string]any, len(t.Headers))
	for k, v := range t.Headers {
		headers[k] = v
	}
	return map[string]any{"id": t.ID, "name": t.Name, "queue": t.Queue, "attempt": t.Attempt, "args": args, "headers": headers}, nil
}

// fill executes a template. What goes wrong is in the arguments, so another try
// with the same ones is no use.
func fill(t *template.Template, data map[string]any) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		var exec template.ExecError
		if errors.As(err, &exec) {
			err = exec.Err
		}
		return "", invalid("fill in the "+t.Name()+" of an http task", "check the arguments against the template",
			errors.New(strings.TrimPrefix(err.Error(), "template: ")))
	}
	return b.String(), nil
}
