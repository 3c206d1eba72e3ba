package config

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:generate go test -run TestReference -update

var update = flag.Bool("update", false, "write the generated tables of docs/configuration.md")

const page = "../../../docs/configuration.md"

// The tables of the page are made from the tables of the code, so that it
// cannot say something else. go generate writes them.
func TestReference(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]string{
		"settings": settingsTable(),
		"options":  optionsTable(),
		"task":     fieldsTable(slices.Concat(taskFields[:4], lift("", uniqueFields, func(t *Task) *options { return &t.Options }))),
		"exec":     fieldsTable(execFields),
		"http":     fieldsTable(httpFields),
	}
	section := regexp.MustCompile(`(?s)(<!-- table: (\w+) -->\n).*?(<!-- end -->)`)
	want := section.ReplaceAllStringFunc(string(data), func(s string) string {
		m := section.FindStringSubmatch(s)
		table := tables[m[2]]
		if table == "" {
			t.Errorf("there is no table %s", m[2])
		}
		delete(tables, m[2])
		return m[1] + "\n" + table + "\n" + m[3]
	})
	for name := range tables {
		t.Errorf("%s has no table %s", page, name)
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Errorf("%s is not what the code says; run: go generate ./pkg/runtime/config", page)
	}
}

func row(cells ...string) string {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func header(cells ...string) string {
	return row(cells...) + strings.Repeat("|---", len(cells)) + "|\n"
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func settingsTable() string {
	b := header("key", "wants", "default", "variable", "flag", "meaning")
	for _, s := range Settings() {
		if !strings.HasPrefix(s.Key, "defaults.") {
			b += row(code(s.Key), s.Takes, s.Default, code(strings.Join(s.Env, "`, `")), code(s.Flag), s.Help)
		}
	}
	return b
}

func optionsTable() string {
	b := header("key", "wants", "default", "variable of the default", "meaning")
	for _, f := range optionFields {
		var names []string
		if "defaults."+f.key != shortRetries {
			names = variables("defaults." + f.key)
		}
		b += row(code(f.key), f.takes, f.def, code(strings.Join(names, "`, `")), f.help)
	}
	return b
}

func fieldsTable[T any](fields []field[T]) string {
	b := header("key", "wants", "default", "meaning")
	for _, f := range fields {
		b += row(code(f.key), f.takes, f.def, f.help)
	}
	return b
}

// A key without a meaning is a hole in the reference.
func TestEveryKeyIsExplained(t *testing.T) {
	for key, f := range taskSchema.fields {
		if f.help == "" || f.takes == "" {
			t.Errorf("%s is not explained", key)
		}
	}
	for _, s := range Settings() {
		if s.Help == "" || s.Takes == "" {
			t.Errorf("%s is not explained", s.Key)
		}
	}
}
