package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/growthgenius/growthgenius-go/api"
)

// document loads and checks openapi.yaml.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// operation returns the operation with the id.
func operation(t *testing.T, doc *openapi3.T, id string) *openapi3.Operation {
	t.Helper()
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.OperationID == id {
				return op
			}
		}
	}
	t.Fatalf("no operation %s", id)
	return nil
}

func TestEverythingSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	doc := document(t)
	counts := map[string]int{}
	check := func(where string, extensions map[string]any) {
		source, _ := extensions["x-source"].(string)
		if !slices.Contains([]string{"documented", "later", "inferred"}, source) {
			t.Errorf("%s: x-source is %q", where, source)
		}
		counts[source]++
	}
	parameters := func(where string, list openapi3.Parameters) {
		for _, p := range list {
			check(where+" parameter "+p.Value.Name, p.Value.Extensions)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			check(where, op.Extensions)
			parameters(where, op.Parameters)
			if op.RequestBody != nil {
				schemas(where, op.RequestBody.Value.Content, check)
			}
			for status, response := range op.Responses.Map() {
				schemas(where+" "+status, response.Value.Content, check)
			}
		}
	}
	for name, schema := range doc.Components.Schemas {
		check(name, schema.Value.Extensions)
		properties(name, schema, check)
	}
	for source, want := range map[string]int{"documented": 150, "later": 150, "inferred": 20} {
		if counts[source] < want {
			t.Errorf("only %d parts are %s: the walk does not reach all of them", counts[source], source)
		}
	}
}

func schemas(where string, content openapi3.Content, check func(string, map[string]any)) {
	for media, c := range content {
		properties(where+" "+media, c.Schema, check)
	}
}

// properties checks all properties of a schema, at any depth. It does not follow
// references: the schemas behind them are checked on their own.
func properties(where string, s *openapi3.SchemaRef, check func(string, map[string]any)) {
	if s == nil || s.Ref != "" {
		return
	}
	for name, p := range s.Value.Properties {
		if p.Ref != "" {
			check(where+"."+name+", a bare reference", nil)
			continue
		}
		check(where+"."+name, p.Value.Extensions)
		properties(where+"."+name, p, check)
	}
	for _, group := range []openapi3.SchemaRefs{s.Value.AllOf, s.Value.AnyOf, s.Value.OneOf} {
		for i, part := range group {
			properties(fmt.Sprintf("%s/%d", where, i), part, check)
		}
	}
	properties(where+"[]", s.Value.Items, check)
	properties(where+"{}", s.Value.AdditionalProperties.Schema, check)
}

// samples maps each file of testdata to the part of the document that describes it.
var samples = map[string]struct {
	operation string
	request   bool
	schema    string // instead of an operation
}{
	"users.json":                   {operation: "listUsers"},
	"user_single.json":             {operation: "getCurrentUser"},
	"company_find.json":            {operation: "findCompany"},
	"company.json":                 {operation: "findCompany"},
	"person.json":                  {operation: "findPerson"},
	"contact.json":                 {operation: "createContact"},
	"contact_create_request.json":  {operation: "createContact", request: true},
	"contacts.json":                {operation: "listContacts"},
	"contacts_search.json":         {operation: "searchContacts"},
	"contacts_search_request.json": {operation: "searchContacts", request: true},
	"message.json":                 {operation: "createMessage"},
	"message_create_request.json":  {operation: "createMessage", request: true},
	"messages.json":                {operation: "listMessages"},
	"messages_delete.json":         {operation: "deleteMessage"},
	"errors/error_string.json":     {schema: "Error"},
	"errors/error_object.json":     {schema: "Error"},
	"errors/errors_list.json":      {schema: "Error"},
	"errors/errors_fields.json":    {schema: "Error"},
	"errors/message.json":          {schema: "Error"},
	"errors/error_message.json":    {schema: "Error"},
}

func TestSamples(t *testing.T) {
	t.Parallel()
	doc := document(t)
	root := filepath.Join("..", "testdata")
	for name, c := range samples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				t.Fatal(err)
			}
			var schema *openapi3.Schema
			switch {
			case c.schema != "":
				schema = doc.Components.Schemas[c.schema].Value
			case c.request:
				schema = operation(t, doc, c.operation).RequestBody.Value.Content.Get("application/json").Schema.Value
			default:
				schema = operation(t, doc, c.operation).Responses.Value("200").Value.Content.Get("application/json").Schema.Value
			}
			if err := schema.VisitJSON(v, openapi3.MultiErrors()); err != nil {
				t.Error(err)
			}
			if err := schema.VisitJSON(map[string]any{"unheard_of": 1}); err == nil {
				t.Error("the schema accepts anything")
			}
		})
	}
	// All files of testdata must be in samples.
	for _, pattern := range []string{"*.json", "*/*.json"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, _ := filepath.Rel(root, file)
			name = filepath.ToSlash(name)
			if _, ok := samples[name]; !ok && !strings.HasPrefix(name, "golden/") {
				t.Errorf("%s is not in samples", name)
			}
		}
	}
}
