package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxValues bounds what a file may unfold to: aliases of aliases grow without
// end otherwise.
const maxValues = 100_000

// source turns one file into items.
type source struct {
	file     string
	expander expander
	problems *collector
	left     int // values that may still be made
	open     []*yaml.Node
}

// parse returns the root mapping of a file. What is wrong goes to problems; the
// rest is still returned, so that one report names many mistakes.
func (s *source) parse(data []byte) item {
	s.left = maxValues
	empty := item{kind: mapping, at: s.place(1)}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return empty
	}
	if err == nil && !errors.Is(dec.Decode(&second), io.EOF) {
		s.problems.add(s.place(max(second.Line, 1)), "keep one document in a file; include: brings in others", "there is a second document")
	}
	if err != nil {
		line, why := yamlError(err)
		s.problems.add(s.place(line), "look at the indentation and the quotes here and in the line above", "not YAML: %s", why)
		return empty
	}
	root := s.item(&doc)
	switch {
	case root.empty():
		return empty
	case root.kind != mapping:
		s.problems.add(root.at, `begin with keys like "tasks:"`, "the file is %s, not a mapping", root.word())
		return empty
	}
	return root
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlError splits the parser's message into line and reason.
func yamlError(err error) (int, string) {
	why := err.Error()
	m := yamlLine.FindStringSubmatch(why)
	if m == nil {
		return 1, why
	}
	line, _ := strconv.Atoi(m[1]) // "" is 0: the parser named no line
	return max(line, 1), why[len(m[0]):]
}

func (s *source) place(line int) Origin {
	return Origin{Layer: LayerFile, File: s.file, Line: line}
}

func (s *source) item(n *yaml.Node) item {
	at := s.place(n.Line)
	null := item{tag: tagNull, at: at}
	if s.left--; s.left <= 0 {
		if s.left == 0 {
			s.problems.add(at, "use fewer aliases", "the file holds more than %d values", maxValues)
		}
		return null
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 1 {
			return s.item(n.Content[0])
		}
	case yaml.AliasNode:
		return s.alias(n)
	case yaml.SequenceNode:
		it := item{kind: list, at: at}
		for _, c := range n.Content {
			it.list = append(it.list, s.item(c))
		}
		return it
	case yaml.MappingNode:
		return s.mapping(n)
	case yaml.ScalarNode:
		return s.scalar(n)
	}
	return null
}

// alias unfolds *name. The parser lets an anchor hold itself.
func (s *source) alias(n *yaml.Node) item {
	if n.Alias == nil || slices.Contains(s.open, n.Alias) {
		s.problems.add(s.place(n.Line), "", "the alias *%s holds itself", n.Value)
		return item{tag: tagNull, at: s.place(n.Line)}
	}
	s.open = append(s.open, n.Alias)
	defer func() { s.open = s.open[:len(s.open)-1] }()
	return s.item(n.Alias)
}

func (s *source) scalar(n *yaml.Node) item {
	it := item{text: n.Value, shown: n.Value, at: s.place(n.Line)}
	switch n.ShortTag() {
	case "!!null":
		it.tag = tagNull
	case "!!bool":
		it.tag = tagBool
	case "!!int", "!!float":
		it.tag = tagNumber
	case "!!str":
		text, shown, err := s.expander.expand(n.Value)
		if err != nil {
			s.problems.addError(it.at, "", err)
		}
		it.text, it.shown = text, shown
	}
	return it
}

func (s *source) mapping(n *yaml.Node) item {
	it := item{kind: mapping, at: s.place(n.Line)}
	var merged []item
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		at := s.place(key.Line)
		if key.ShortTag() == "!!merge" {
			merged = append(merged, s.item(val))
			continue
		}
		if key.Kind != yaml.ScalarNode {
			s.problems.add(at, "", "a key must be a word")
			continue
		}
		if first, twice := it.find(key.Value); twice {
			s.problems.add(at, "keep one of them", "key %s is there twice, first in line %d", clean(key.Value), first.at.Line)
			continue
		}
		it.entries = append(it.entries, entry{key.Value, at, s.item(val)})
	}
	for _, m := range merged {
		it = s.mergeKey(m, it)
	}
	return it
}

// mergeKey does what "<<: *base" asks for: keys that it lacks come from m.
func (s *source) mergeKey(m, it item) item {
	bases := m.list
	if m.kind != list {
		bases = []item{m}
	}
	for _, base := range bases {
		if base.kind != mapping {
			s.problems.add(m.at, "", "<<: wants a mapping, got %s", base.word())
			continue
		}
		for _, e := range base.entries {
			if _, has := it.find(e.key); !has {
				it.entries = append(it.entries, e)
			}
		}
	}
	return it
}

// clean makes text from a file safe to print on one line.
func clean(s string) string {
	quoted := strconv.Quote(s)
	if quoted == `"`+s+`"` && !strings.ContainsAny(s, " ") {
		return s
	}
	return quoted
}
