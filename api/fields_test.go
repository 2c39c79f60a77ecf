package api_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/growthgenius/growthgenius-go"
)

// TestFieldsAreTheSDKs checks that the schemas and the SDK's types have the same fields.
func TestFieldsAreTheSDKs(t *testing.T) {
	t.Parallel()
	doc := document(t)
	for name, c := range map[string]struct {
		of      reflect.Type
		without []string // fields of the type that are not in the schema
	}{
		"User":              {of: reflect.TypeFor[growthgenius.User]()},
		"Contact":           {of: reflect.TypeFor[growthgenius.Contact]()},
		"ContactInput":      {of: reflect.TypeFor[growthgenius.ContactInput]()},
		"ContactAccount":    {of: reflect.TypeFor[growthgenius.ContactAccount]()},
		"Message":           {of: reflect.TypeFor[growthgenius.Message]()},
		"MessageInput":      {of: reflect.TypeFor[growthgenius.MessageInput]()},
		"SearchRequest":     {of: reflect.TypeFor[growthgenius.SearchOptions]()},
		"SearchEnvelope":    {of: reflect.TypeFor[growthgenius.ContactPage](), without: []string{"contacts"}},
		"Breadcrumb":        {of: reflect.TypeFor[growthgenius.Breadcrumb]()},
		"Pagination":        {of: reflect.TypeFor[growthgenius.Pagination]()},
		"Company":           {of: reflect.TypeFor[growthgenius.Company](), without: []string{"contact"}},
		"CompanyLocation":   {of: reflect.TypeFor[growthgenius.CompanyLocation]()},
		"Person":            {of: reflect.TypeFor[growthgenius.Person]()},
		"PersonLocation":    {of: reflect.TypeFor[growthgenius.PersonLocation]()},
		"PersonEmail":       {of: reflect.TypeFor[growthgenius.PersonEmail]()},
		"Profile":           {of: reflect.TypeFor[growthgenius.Profile]()},
		"Experience":        {of: reflect.TypeFor[growthgenius.Experience]()},
		"ExperienceCompany": {of: reflect.TypeFor[growthgenius.ExperienceCompany]()},
		"JobTitle":          {of: reflect.TypeFor[growthgenius.JobTitle]()},
		"Education":         {of: reflect.TypeFor[growthgenius.Education]()},
		"School":            {of: reflect.TypeFor[growthgenius.School]()},
		"VersionStatus":     {of: reflect.TypeFor[growthgenius.VersionStatus]()},
	} {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			t.Errorf("no schema %s", name)
			continue
		}
		var fields []string
		for _, field := range tags(c.of, "json") {
			if !slices.Contains(c.without, field) {
				fields = append(fields, field)
			}
		}
		same(t, name, slices.Sorted(maps.Keys(schema.Value.Properties)), fields)
	}
	for name, want := range map[string]int{"Contact": 58, "Company": 23, "Person": 82} {
		if got := len(doc.Components.Schemas[name].Value.Properties); got != want {
			t.Errorf("%s has %d fields, want %d", name, got, want)
		}
	}
	var query []string
	for _, p := range operation(t, doc, "findPerson").Parameters {
		if p.Ref == "" {
			query = append(query, p.Value.Name)
		}
	}
	slices.Sort(query)
	same(t, "findPerson's query", query, tags(reflect.TypeFor[growthgenius.PersonQuery](), "url"))
}

// TestSamplesAreWhole checks that samples of whole records have exactly the fields of
// their schema.
func TestSamplesAreWhole(t *testing.T) {
	t.Parallel()
	doc := document(t)
	for file, c := range map[string]struct {
		schema string
		path   []string
	}{
		"users.json":        {"User", []string{"users"}},
		"user_single.json":  {"User", []string{"user"}},
		"contact.json":      {"Contact", []string{"contact"}},
		"contacts.json":     {"Contact", []string{"contacts"}},
		"company_find.json": {"Contact", []string{"contact"}},
		"message.json":      {"Message", []string{"message"}},
		"messages.json":     {"Message", []string{"messages"}},
		"company.json":      {"Company", nil},
		"person.json":       {"Person", nil},
	} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		for _, key := range c.path {
			v = v.(map[string]any)[key]
			if list, ok := v.([]any); ok {
				v = list[0]
			}
		}
		whole(t, file, v, doc.Components.Schemas[c.schema])
	}
}

// whole checks that a value, and all records in it, have exactly the properties of the
// schema.
func whole(t *testing.T, where string, v any, schema *openapi3.SchemaRef) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			whole(t, where, item, schema.Value.Items)
		}
	case map[string]any:
		for len(schema.Value.AnyOf) == 1 {
			schema = schema.Value.AnyOf[0]
		}
		have := slices.Sorted(maps.Keys(v))
		if strings.HasSuffix(where, "school.location") { // has fewer fields than other places
			return
		}
		same(t, where, have, slices.Sorted(maps.Keys(schema.Value.Properties)))
		for name, inner := range v {
			if p := schema.Value.Properties[name]; p != nil {
				whole(t, where+"."+name, inner, p)
			}
		}
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s: unexpected %s", what, name)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s: %s is missing", what, name)
		}
	}
}

// tags returns the sorted names in the tags of a struct.
func tags(of reflect.Type, key string) []string {
	var names []string
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get(key), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
